"""agent.toml: every mistake is named with its file and its line."""

import pytest

from app.agents.manifest import parse
from app.agents.source import Unusable

FILE = "agents/any/agent.toml"


def refused(text: str | bytes) -> Unusable:
    """Parse what can't be parsed; return the refusal."""
    content = text.encode() if isinstance(text, str) else text
    with pytest.raises(Unusable) as caught:
        parse("any", content, file=FILE)
    return caught.value


def test_a_good_file_becomes_an_agent() -> None:
    """The folder gives the name, the file the rest."""
    agent = parse("any", b'cli = "claude"\nbudget_usd = 0.10\ntimeout = 90\n', file=FILE)

    assert (agent.name, agent.cli, str(agent.budget_usd), agent.timeout) == ("any", "claude", "0.10", 90.0)


def test_a_byte_order_mark_does_not_matter() -> None:
    """Some editors write one."""
    assert parse("any", b'\xef\xbb\xbfcli = "claude"', file=FILE).cli == "claude"


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ('cli = "claude"\ntimeout = \n', 2, "invalid value"),
        ('cli = "claude"\n\nmodel "x"\n', 3, "after a key"),
        ('cli = "claude"\ncli = "codex"\n', 2, "overwrite"),
        ('cli = "claude"\nenv = [\n', 2, "invalid value"),
        ('cli = "claude"\ndescription = """\nx', 3, "unterminated string"),
        ('cli = "claude"\ntimeout = "60"\n', 2, "'timeout': must be a number"),
        ('\n\ncli = "claude"\nmax_turns = 0', 4, "'max_turns'"),
        ('cli = "claude"\ntrust_workspace = "no"', 2, "'trust_workspace'"),
        ('cli = "claude"\npermision_mode = "plan"\n', 2, "did you mean 'permission_mode'"),
        ('cli = "claude"\n"time out" = 3\n', 2, "unknown key 'time out'; did you mean 'timeout'?"),
        ('cli = "claude"\n\n[sandbox]\nkind = 1\n', 3, "'sandbox'"),
        ('cli = "claude"\n[[tools]]\nx = 1\n', 2, "unknown key 'tools'"),
        ('cli = "claude"\nsandbox.kind = 1\n', 2, "'sandbox'"),
        ('name = "other"\ncli = "claude"\n', 1, "the name of the folder"),
        ('description = """\ntimeout = 1\n"""\ncli = "c"\ntimeout = -1\n', 5, "'timeout'"),
        ('cli = "claude"\nenv = [\n  "ANTHROPIC_API_KEY",\n  "DATABASE_URL",\n]\n', 2, "DATABASE_URL"),
        ("# nothing\n", 1, "the key 'cli' is missing"),
        ("", 1, "the key 'cli' is missing"),
        ("x = " + "[" * 100_000, 1, "nested too deeply"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_a_mistake_is_named_with_its_line(text: str, line: int, words: str) -> None:
    """In syntax and in values alike, and in words a person understands."""
    error = refused(text)

    assert (error.file, error.line, error.code) == (FILE, line, "agent_invalid")
    assert words in error.what
    assert error.detail == f"{FILE}, line {line}: {error.what}"
    assert error.detail in error.message


def test_a_byte_that_is_no_text_is_named_with_its_line() -> None:
    """The file may have been saved as Latin-1."""
    assert refused(b'cli = "claude"\n# caf\xe9\n').line == 2


def test_the_first_of_several_mistakes_is_shown_and_the_others_counted() -> None:
    """One mends a file from the top."""
    error = refused('timeout = 0\ncli = "claude"\nmax_turns = 0\nmodell = "x"\n')

    assert error.line == 1
    assert error.what.endswith("(2 more in this file)")
