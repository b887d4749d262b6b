"""How each CLI is called: flags, standard input, fixed settings."""

import sys
from decimal import Decimal
from pathlib import Path

import pytest

from app.domain.event import Raw, Stderr
from app.domain.reason import Reason
from app.runner.adapters import adapter_for
from app.runner.adapters.claude import FIRST_LINE
from app.runner.adapters.lines import PIECE
from tests.unit.runner.runs import a_run

HOSTILE = [
    *("--version", "-p", "--dangerously-skip-permissions", "--", "-", "/cost", "!id", "#x", "@/etc/passwd"),
    *("\n\n-x", "$(touch pwned)", "`id`", "; id", "'\"", "a\0b", "ä😀", ""),
]


def test_claude_is_called_for_one_headless_run_with_a_new_session() -> None:
    """The flags that keep the workspace's own settings out are always there."""
    run = a_run()

    assert adapter_for("claude").argv(run) == [
        *("-p", "--output-format", "stream-json", "--verbose", "--include-partial-messages"),
        *("--setting-sources", "user", "--strict-mcp-config", "--permission-mode", "dontAsk"),
        *("--session-id", run.new_session_id),
    ]


def test_claude_is_given_what_its_agent_says() -> None:
    """Model, turns, budget and tools; a session to go on with instead of a new one."""
    run = a_run(
        resumes="abc",
        model="opus",
        max_turns=5,
        budget_usd=Decimal("1E+1"),
        permission_mode="acceptEdits",
        allowed_tools=("Bash(git *)", "Read"),
    )

    argv = adapter_for("claude").argv(run)

    assert argv[argv.index("--permission-mode") :] == [
        *(
            "--permission-mode",
            "acceptEdits",
            "--model",
            "opus",
            "--max-turns",
            "5",
            "--max-budget-usd",
            "10",
        ),
        *("--allowedTools", "Bash(git *)", "Read", "--resume", "abc"),
    ]


@pytest.mark.parametrize("cli", ["claude", "demo", "aider"])
@pytest.mark.parametrize("message", HOSTILE)
def test_no_message_changes_the_argv(cli: str, message: str) -> None:
    """What the user wrote is in standard input, byte for byte, and nowhere else."""
    adapter = adapter_for(cli)

    assert adapter.argv(a_run(cli, message=message)) == adapter.argv(a_run(cli))
    assert adapter.env(a_run(cli, message=message)) == adapter.env(a_run(cli))
    assert adapter.stdin(a_run(cli, message=message)).endswith(message.encode())


@pytest.mark.parametrize("message", HOSTILE)
def test_claudes_input_begins_with_our_line(message: str) -> None:
    """A first word of the user's could be a flag or a command to the CLI."""
    assert adapter_for("claude").stdin(a_run(message=message)) == f"{FIRST_LINE}\n\n{message}".encode()


def test_a_message_with_half_a_character_is_sent_all_the_same() -> None:
    """A lone surrogate has no bytes; it must not fail the run."""
    assert adapter_for("claude").stdin(a_run(message="a\ud800b")).endswith(b"a?b")


def test_demo_is_run_by_our_own_python() -> None:
    """No PATH is asked, and the worker's Python settings don't reach it."""
    adapter = adapter_for("demo")

    assert adapter.program == Path(sys.executable)
    assert adapter.argv(a_run("demo"))[0] == "-I"
    assert adapter.argv(a_run("demo"))[1].endswith("app/demo/program.py")


def test_any_other_program_is_called_as_its_agent_says() -> None:
    """The agent's own arguments, and the message on standard input."""
    adapter = adapter_for("aider")

    assert adapter.program == "aider"
    assert adapter.argv(a_run("aider", args=("--yes", "-"))) == ["--yes", "-"]
    assert adapter.stdin(a_run("aider", message="hi")) == b"hi"


def test_arguments_may_name_what_differs_by_agent_and_conversation() -> None:
    """The model, the turns, the conversation; other braces stand for themselves, and so does the prompt."""
    args = ("--model={model}", "-n", "{max_turns}", "{session_id}", "{message}", "{a: 1}")
    run = a_run("some-cli", args=args, model="{session_id}", max_turns=7, message="{model}")

    argv = adapter_for("some-cli").argv(run)

    assert argv == ["--model={session_id}", "-n", "7", run.session_id, "{message}", "{a: 1}"]


def test_any_other_programs_output_is_raw() -> None:
    """One Event a line, JSON or not; the end of it is the result."""
    parser = adapter_for("aider").parser(a_run("aider"))

    events = [*parser.feed(b'one\r\n\n{"type":"result"}\nhal'), *parser.feed_stderr(b"oops\n")]
    last, outcome = parser.finish(exit_code=0, signal=None)

    assert events == [Raw(text="one"), Raw(text=""), Raw(text='{"type":"result"}'), Stderr(text="oops")]
    assert last == [Raw(text="hal")]
    assert (outcome.state, outcome.result) == ("succeeded", 'one\n\n{"type":"result"}\nhal')


@pytest.mark.parametrize(
    ("exit_code", "signal", "reason", "detail"),
    [(3, None, Reason.EXIT_CODE, "3 (oops)"), (None, 9, Reason.SIGNAL, "SIGKILL")],
)
def test_any_other_programs_exit_decides(
    exit_code: int | None, signal: int | None, reason: Reason, detail: str
) -> None:
    """Nothing else is known about it."""
    parser = adapter_for("aider").parser(a_run("aider"))
    parser.feed_stderr(b"oops")

    _, outcome = parser.finish(exit_code=exit_code, signal=signal)

    assert (outcome.state, outcome.reason, outcome.detail) == ("failed", reason, detail)


def test_output_without_line_ends_is_bounded() -> None:
    """Both streams of any program come in pieces no longer than this, and the result is only the end."""
    parser = adapter_for("aider").parser(a_run("aider"))

    events = [*parser.feed(b"x" * 1_000_000), *parser.feed_stderr(b"y" * 1_000_000)]
    last, outcome = parser.finish(exit_code=0, signal=None)

    texts = [event.text for event in [*events, *last] if isinstance(event, Raw | Stderr)]
    assert max(map(len, texts)) <= PIECE
    assert len("".join(texts)) == 2_000_000
    assert len(outcome.result or "") <= 4096
