"""Runs and lines as the tests of this folder need them."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

from app.domain.agent import Agent
from app.domain.event import Event
from app.runner.adapters import Run
from app.runner.adapters.base import Outcome
from app.runner.adapters.claude_parser import ClaudeParser

CORPUS = Path(__file__).with_name("corpus")


def a_run(
    cli: str = "claude", *, message: str = "hello", resumes: str | None = None, spent: str = "0", **agent: Any
) -> Run:
    """Return a Run of an agent with these fields."""
    return Run(
        agent=Agent(name="brain", cli=cli, **agent),
        message=message,
        session_id="11111111-0000-4000-8000-000000000000",
        new_session_id="00000000-0000-4000-8000-000000000000",
        cli_session_id=resumes,
        previous_cost_usd=Decimal(spent),
    )


def recorded(name: str) -> bytes:
    """Return what the real CLI printed in this case."""
    return (CORPUS / f"{name}.jsonl").read_bytes()


def lines(*objects: dict[str, Any]) -> bytes:
    """Return JSON lines."""
    return b"".join(json.dumps(item).encode() + b"\n" for item in objects)


def parse(
    stdout: bytes,
    *,
    stderr: bytes = b"",
    exit_code: int | None = 0,
    signal: int | None = None,
    run: Run | None = None,
    now: float = 0,
) -> tuple[list[Event], Outcome]:
    """Parse a whole run."""
    parser = ClaudeParser(run or a_run(), now=lambda: now)
    events = [*parser.feed(stdout), *parser.feed_stderr(stderr)]
    last, outcome = parser.finish(exit_code=exit_code, signal=signal)
    return [*events, *last], outcome
