"""Cursors: read back exactly, and nothing else is taken for one."""

import base64
import uuid
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import Invalid
from app.web import cursor

MOMENTS = st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@given(MOMENTS, st.uuids())
def test_a_cursor_is_read_back_exactly(at: datetime, identifier: uuid.UUID) -> None:
    """No page begins a microsecond off, or at another row."""
    assert cursor.decode(cursor.encode(at, str(identifier))) == (at, str(identifier))


def test_no_cursor_begins_at_the_start() -> None:
    """The first page needs none."""
    assert cursor.decode(None) is None


def test_time_zones_do_not_matter() -> None:
    """The same moment is the same cursor."""
    at = datetime(2026, 1, 2, tzinfo=UTC)

    assert cursor.encode(at, "x") == cursor.encode(at.astimezone(timezone(timedelta(hours=5))), "x")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "zz",
        "ü",
        "=====",
        "0" * 5000,
        base64.b64encode(b"2026-01-01T00:00:00.000000Z nonsense").decode(),
    ],
)
def test_garbage_is_refused_with_what_to_do(text: str) -> None:
    """Nothing that we did not make is guessed at."""
    with pytest.raises(Invalid, match="next_cursor"):
        cursor.decode(text)


@given(st.text())
def test_no_text_breaks_it(text: str) -> None:
    """Whatever comes is a place or refused."""
    with suppress(Invalid):
        cursor.decode(text)
