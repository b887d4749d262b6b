"""Events as text."""

import re
from typing import Any

from app.cli.transcript import Transcript

_TASK: dict[str, Any] = {
    "state": "completed",
    "reason": None,
    "detail": "",
    "attention": None,
    "hold": None,
    "not_before": None,
    "cancel_requested": False,
    "duration_s": 4.68,
    "cost_usd": 0.0123,
    "tokens": {"input": 1200, "output": 34, "cache_read": 5000, "cache_write": 0},
}


def _event(kind: str, **fields: Any) -> dict[str, Any]:
    return {"seq": 1, "attempt": 1, "kind": kind, **fields}


def _shown(*events: dict[str, Any], colours: bool = False) -> str:
    transcript = Transcript(colours=colours)
    return "".join(map(transcript.event, events)) + transcript.rest()


def test_texts_of_one_block_are_one_text() -> None:
    """Streamed pieces join; what is between two blocks is an empty line."""
    shown = _shown(
        _event("text", text="Hel", block="a"),
        _event("usage", input=1, output=1),
        _event("text", text="lo", block="a"),
        _event("text", text="Next", block="b"),
        _event("text", text="alone", block=None),
    )

    assert shown == "Hello\n\nNext\n\nalone\n"


def test_a_retried_run_does_not_join_the_one_before() -> None:
    """The same block of another attempt is another text."""
    first = _event("text", text="one", block="a")

    assert _shown(first, {**first, "attempt": 2, "text": "two"}) == "one\n\ntwo\n"


def test_a_tool_is_one_line_with_its_answer() -> None:
    """What it was asked and the first line of what it said."""
    shown = _shown(
        _event("tool_call", id="1", name="Bash", input={"description": "List", "command": "ls\n-l"}),
        _event("tool_result", id="1", ok=True, text="\ntotal 8\na\nb\n"),
        _event("tool_call", id="2", name="Read", input={"file_path": "/x"}),
        _event("tool_result", id="2", ok=False, text="no such file"),
    )

    assert shown == "Bash(ls -l) → total 8 (+3 lines)\nRead(/x) ✗ no such file\n"


def test_tools_at_the_same_time_are_told_apart() -> None:
    """An answer that comes later names its tool."""
    shown = _shown(
        _event("tool_call", id="1", name="Grep", input={"pattern": "x"}),
        _event("tool_call", id="2", name="Glob", input={"pattern": "*"}),
        _event("tool_result", id="1", ok=True, text="found"),
        _event("tool_result", id="2", ok=True, text=""),
    )

    assert shown == "Grep(x)\nGlob(*)\nGrep → found\nGlob → done\n"


def test_each_kind_says_what_it_is_without_colours() -> None:
    """In a pipe the words stand where a terminal has colours."""
    shown = _shown(
        _event("thinking", text="Hm.", block=None),
        _event("stderr", text="oh\nno"),
        _event("notice", code="x", text="Mind this."),
        _event("raw", text="{odd"),
        _event("status", state="running", detail="attempt 1"),
        _event("status", state="completed", detail=""),
        _event("something new", text="of a later version"),
    )

    assert shown.splitlines() == [
        "thinking: Hm.",
        "",
        "stderr: oh",
        "stderr: no",
        "notice: Mind this.",
        "{odd",
        "· running: attempt 1",
        "of a later version",
    ]
    assert "\x1b" not in shown


def test_every_line_ends_without_a_colour_left_on() -> None:
    """What an agent prints can't colour what comes after it."""
    shown = _shown(
        _event("text", text="\x1b[31mred", block="a"),
        _event("stderr", text="\x1b[32mgreen"),
        _event("tool_call", id="1", name="\x1b[5mBash\x1b]0;x\x07", input={"command": "\x1b[2Jls"}),
        _event("tool_result", id="1", ok=True, text="\x1b[31mout"),
        _event("thinking", text="dim", block="b"),
        colours=True,
    )

    for line in filter(None, re.split(r"\n+", shown)):
        codes = re.findall(r"\x1b\[([\d;]*)m", line)
        assert not codes or codes[-1] == "0", repr(line)
    assert set(re.findall(r"\x1b(.)", shown)) == {"["}
    assert "\x1b[2J" not in shown


def test_the_result_is_shown_when_nobody_said_it() -> None:
    """It mostly repeats the last text."""
    said = _event("text", text="The answer.", block="a")

    assert _shown(said, _event("result", ok=True, text="The answer.\n", turns=1)) == "The answer.\n"
    assert _shown(said, _event("result", ok=False, text="Broke.", turns=1)) == "The answer.\n\nBroke.\n"


def test_the_last_line_tells_the_outcome_and_what_it_took() -> None:
    """State, time, turns, dollars, tokens."""
    transcript = Transcript(colours=False)
    transcript.event(_event("result", ok=True, text="", turns=3))

    assert transcript.end(_TASK) == (
        "completed in 4.7 s · 3 turns · $0.0123 · 1,200 tokens in (+5,000 cached), 34 out\n"
    )


def test_a_failure_says_why() -> None:
    """The reason's code and its sentence."""
    failed = {**_TASK, "state": "failed", "reason": "cli_auth", "detail": "claude is not signed in."}

    assert Transcript(colours=False).end(failed).endswith("\ncli_auth: claude is not signed in.\n")


def test_attention_is_drawn_to_a_doubtful_success() -> None:
    """Completed, but."""
    doubtful = {**_TASK, "attention": "no_result", "detail": "Look at the output."}

    assert Transcript(colours=False).end(doubtful).endswith("\nno_result: Look at the output.\n")


def test_waiting_is_said_once() -> None:
    """Not with each message about the task."""
    transcript = Transcript(colours=False)
    waiting = {**_TASK, "state": "queued", "hold": "session_busy"}

    assert transcript.task(waiting) == "· queued: waits for the task before it in its conversation\n"
    assert transcript.task(waiting) == ""
    assert transcript.task({**_TASK, "state": "running"}) == ""
    assert transcript.task({**_TASK, "state": "running", "cancel_requested": True}) == "· stopping\n"
