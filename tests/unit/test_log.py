"""The log: one line a record, and no secret in any."""

import io
import json
import logging
import sys
from collections.abc import Iterator

import pytest
import structlog

from app.log import configure_logging
from app.security.redact import Redactor

SECRET = "a-secret-of-errands-own"


@pytest.fixture
def printed(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """What is logged to stdout, by a process that knows one secret."""
    out = io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    before = logging.getLogger().handlers[:]
    configure_logging("test", clean=Redactor([SECRET]).clean_text)
    yield out
    logging.getLogger().handlers[:] = before
    structlog.reset_defaults()


def _fail() -> None:
    raise ValueError(f"with {SECRET} in it")


def test_no_line_holds_a_secret(printed: io.StringIO) -> None:
    """In a value, in what a library says, in a traceback: wherever it got in."""
    log = structlog.get_logger()
    log.info("plain", url=f"redis://:{SECRET}@h/0", nested={"a": [SECRET]})
    logging.getLogger("a.library").warning("connecting with %s", SECRET)
    try:
        _fail()
    except ValueError:
        log.exception("failed")

    lines = printed.getvalue().splitlines()
    assert [json.loads(line)["event"] for line in lines] == ["plain", "connecting with ***", "failed"]
    assert SECRET not in printed.getvalue()


def test_what_a_user_wrote_is_one_value_of_one_record(printed: io.StringIO) -> None:
    """SEC-08: a line feed and what looks like a record of ours stay inside their value."""
    forged = 'x\n{"event": "signed_in", "level": "info"}'
    structlog.get_logger().info("refused", agent=forged)

    [line] = printed.getvalue().splitlines()
    assert json.loads(line)["agent"] == forged
