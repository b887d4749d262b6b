"""The demonstration run whole: a real process, its real lines, its real files."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest

from app.demo import EXAMPLES, PROGRAM
from app.domain.agent import Agent
from app.domain.event import Event, Result, Stderr, Text, Thinking, ToolCall, ToolResult, Usage
from app.domain.reason import Reason
from app.runner.adapters import Run, adapter_for
from app.runner.adapters.base import Outcome

COMMAND = [sys.executable, "-I", str(PROGRAM)]
Kind = TypeVar("Kind")


@dataclass(frozen=True)
class Played:
    """What one run printed, what the runner makes of it, and how it ended."""

    lines: list[dict[str, Any]]
    events: list[Event]
    outcome: Outcome
    exit_code: int
    seconds: float

    def of(self, kind: type[Kind]) -> list[Kind]:
        """Return the events of one kind."""
        return [event for event in self.events if isinstance(event, kind)]

    def text(self) -> str:
        """Return all it said."""
        return "".join(event.text for event in self.of(Text))


Play = Callable[..., Played]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The HOME of one conversation."""
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """An empty workspace."""
    (tmp_path / "workspace").mkdir()
    return tmp_path / "workspace"


def started(home: Path, workspace: Path, *more: str) -> subprocess.Popen[bytes]:
    """Start it as the runner does: a clean environment, three pipes."""
    env = {"HOME": str(home), "PATH": "/usr/local/bin:/usr/bin:/bin"}
    pipe = subprocess.PIPE
    return subprocess.Popen([*COMMAND, *more], env=env, cwd=workspace, stdin=pipe, stdout=pipe, stderr=pipe)


@pytest.fixture
def play(home: Path, workspace: Path) -> Play:
    """Run it to its end."""

    def play(prompt: str, *more: str) -> Played:
        run = Run(agent=Agent(name="demo", cli="demo"), message=prompt, session_id="s", new_session_id="new")
        adapter = adapter_for("demo")
        began = time.monotonic()
        with started(home, workspace, *more) as process:
            stdout, stderr = process.communicate(adapter.stdin(run), timeout=60)
        seconds = time.monotonic() - began
        parser = adapter.parser(run)
        events = [*parser.feed(stdout), *parser.feed_stderr(stderr)]
        last, outcome = parser.finish(exit_code=process.returncode, signal=None)
        lines = [json.loads(line) for line in stdout.splitlines()]
        return Played(lines, [*events, *last], outcome, process.returncode, seconds)

    return play


def test_a_first_run_shows_every_kind_of_card(play: Play, workspace: Path) -> None:
    """In a few seconds: thinking, text, tools that work and one that fails, colours, errors, a result."""
    (workspace / "poem.txt").write_text("one two\nthree\n")

    played = play(EXAMPLES[0])

    kinds = {event.kind for event in played.events}
    assert kinds == {"status", "thinking", "text", "tool_call", "tool_result", "stderr", "usage", "result"}
    assert [call.name for call in played.of(ToolCall) if call.name != "TodoWrite"] == [
        *("Glob", "Bash", "Bash", "Write", "Read"),
    ]
    assert sum(not result.ok for result in played.of(ToolResult)) == 1
    assert any("\x1b[" in result.text for result in played.of(ToolResult))
    assert {call.id for call in played.of(ToolCall)} == {result.id for result in played.of(ToolResult)}
    assert 2 < played.seconds < 10
    assert played.exit_code == 0
    assert (played.outcome.state, played.outcome.reason, played.outcome.attention) == (
        "succeeded",
        None,
        None,
    )


def test_it_says_that_it_is_scripted_and_costs_nothing(play: Play) -> None:
    """At the beginning, in the result, and in the sums."""
    played = play("Show me around, quickly")

    [result] = played.of(Result)
    assert "scripted demonstration" in played.of(Text)[0].text
    assert "no model was called" in result.text
    assert result.cost_usd == played.outcome.cost_usd == 0
    assert all(usage.input == usage.output == 0 for usage in played.of(Usage))
    assert result.turns == 6


def test_what_it_reports_is_true(play: Play, workspace: Path) -> None:
    """The files, their sums, the words of the prompt, and the notes it leaves."""
    (workspace / "deep").mkdir()
    (workspace / "deep" / "poem.txt").write_text("one two\nthree\n")

    played = play("four words, but quickly")

    assert "| `deep/poem.txt` | 2 | 3 | 14 |" in played.of(Result)[0].text
    assert "Words in your message: **4**" in played.of(Result)[0].text
    notes = (workspace / "errand-demo-notes.md").read_text()
    assert "asked: four words, but quickly" in notes
    assert "Files: 1, with 2 lines, 3 words and 14 bytes." in notes


def test_the_stream_and_the_whole_messages_agree(play: Play) -> None:
    """Each text is streamed in pieces and said once: nothing twice, nothing missing."""
    played = play("Show me around quickly")

    whole = [
        block["text"]
        for line in played.lines
        if line["type"] == "assistant"
        for block in line["message"]["content"]
        if block["type"] == "text"
    ]
    assert played.text() == "".join(whole)
    assert len(played.of(Thinking)) == 2


def test_it_remembers_the_conversation(play: Play) -> None:
    """The second message knows the first, adds to the notes and goes on with the same session."""
    first = play("Remember this quickly")
    second = play("And now, quickly?")

    assert "message 2 of our conversation, which began with “Remember this quickly”" in second.text()
    assert [call.name for call in second.of(ToolCall)].count("Edit") == 1
    assert first.outcome.cli_session_id == second.outcome.cli_session_id


def test_a_session_that_is_named_is_taken(play: Play) -> None:
    """New or resumed, as the real CLI is told."""
    assert play("quickly", "--session-id", "one", "--model", "x").outcome.cli_session_id == "one"
    assert play("quickly", "-p", "--resume", "two").outcome.cli_session_id == "two"


def test_it_counts(play: Play) -> None:
    """Really: every number, in order, streamed."""
    played = play(EXAMPLES[1])

    assert played.text().partition("I counted")[0].split() == [str(number) for number in range(1, 51)]
    assert len(played.lines) > 50


def test_it_fails_when_asked_to(play: Play) -> None:
    """An error result, a failed tool, a line on standard error, exit code 1."""
    played = play("Fail on purpose")

    assert played.exit_code == 1
    assert (played.outcome.state, played.outcome.reason) == ("failed", Reason.CLI_ERROR)
    assert not played.of(Result)[0].ok
    assert [result.ok for result in played.of(ToolResult)] == [False]
    assert played.of(Stderr)[0].text == "demo: giving up, as asked"


def test_the_first_line_comes_at_once(home: Path, workspace: Path) -> None:
    """Before the prompt is even there: its input stays open and empty."""
    with started(home, workspace) as process:
        assert process.stdin
        assert process.stdout
        line = process.stdout.readline()
        process.kill()
    assert json.loads(line)["subtype"] == "init"


def test_it_works_on_until_it_is_stopped(home: Path, workspace: Path) -> None:
    """SIGTERM ends it at once, with the exit code of the real CLI and no half line."""
    with started(home, workspace) as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write(EXAMPLES[2].encode())
        process.stdin.close()
        lines = [json.loads(process.stdout.readline())]
        while '"text": "2 "' not in json.dumps(lines[-1]):
            lines.append(json.loads(process.stdout.readline()))
        process.send_signal(signal.SIGTERM)
        rest = process.stdout.read()
        assert process.wait(5) == 143

    assert all(json.loads(line)["type"] == "stream_event" for line in rest.splitlines())


@pytest.mark.parametrize(
    "prompt",
    ["--version quickly", "/help quickly", "quickly \0 é\udcff \u2028", "x" * 1_000_000 + " quickly"],
)
def test_any_prompt_is_only_text(play: Play, prompt: str) -> None:
    """No flag, no command, nothing too long, nothing unprintable."""
    played = play(prompt)

    assert played.outcome.state == "succeeded"
    assert len(json.dumps(played.lines)) < 100_000


def test_a_workspace_full_of_oddities_is_looked_through(play: Play, workspace: Path) -> None:
    """Links, names that are no text, directories that may not be entered, and notes that can't be written."""
    (workspace / "link").symlink_to("/etc/passwd")
    (workspace / "loop").symlink_to("loop")
    (workspace / b"caf\xe9".decode("utf-8", "surrogateescape")).write_text("x")
    (workspace / ".git").mkdir()
    (workspace / ".git" / "config").write_text("hidden")
    (workspace / "errand-demo-notes.md").mkdir()

    played = play("Look around quickly")

    assert "Files: 1, with" in played.of(Result)[0].text
    assert "could not be written: Is a directory" in played.of(Result)[0].text
    assert played.outcome.state == "succeeded"


def test_a_home_that_cannot_be_written_does_not_matter(play: Play, home: Path) -> None:
    """It says so on standard error and does its work."""
    home.rmdir()
    home.write_text("a file")

    played = play("quickly")

    assert played.outcome.state == "succeeded"
    assert "will not be remembered" in played.of(Stderr)[-1].text
