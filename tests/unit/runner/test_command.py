"""What is started, with which environment, and which programs are refused."""

from pathlib import Path

import pytest

from app.domain.agent import WITHHELD
from app.domain.reason import Reason
from app.process import ProgramMissing, ProgramNotExecutable
from app.runner.command import Judged, build, find_program, judge_version, parse_version
from app.settings import Settings
from tests.unit.runner.runs import a_run

OURS = {
    "DATABASE_URL": "postgres://secret",
    "REDIS_URL": "redis://secret",
    "SECRET_KEY": "secret",
    "GITHUB_TOKEN": "secret",
    "GITHUB_APP_PRIVATE_KEY": "secret",
    "GITHUB_WEBHOOK_SECRET": "secret",
    "ERRAND_ADMIN_TOKEN": "secret",
    "ERRAND_ANYTHING": "secret",
    "PORT": "secret",
    "LD_PRELOAD": "secret",
    "HOME": "/secret",
}
THEIRS = {
    "PATH": "/usr/bin:/bin",
    "LC_ALL": "C.UTF-8",
    "TZ": "UTC",
    "https_proxy": "http://proxy",
    "SSL_CERT_FILE": "/ca.pem",
}


def built(environ: dict[str, str], **agent: object) -> dict[str, str]:
    """Return the environment a CLI gets."""
    command = build(
        a_run(**agent),  # type: ignore[arg-type]  # fields of an Agent
        program=Path("/opt/claude"),
        home=Path("/s/home"),
        workspace=Path("/s/workspace"),
        tmp=Path("/s/tmp"),
        environ=environ,
    )
    assert command.argv[0] == "/opt/claude"
    assert command.cwd == Path("/s/workspace")
    return dict(command.env)


def test_a_cli_gets_only_what_is_on_the_list() -> None:
    """Everything else of the worker's environment stays with the worker."""
    env = built(
        {**OURS, **THEIRS, "ANTHROPIC_API_KEY": "key", "AWS_SECRET_ACCESS_KEY": "secret", "PYTHONPATH": "/x"}
    )

    assert env == {
        **THEIRS,
        "LANG": "C.UTF-8",
        "USER": "errand",
        "CLAUDE_CODE_ENABLE_TASKS": "0",
        "CLAUDE_CODE_ENABLE_TODO_TOOLS": "1",
        "CLAUDE_CODE_MAX_RETRIES": "2",
        "DISABLE_AUTOUPDATER": "1",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "HOME": "/s/home",
        "TMPDIR": "/s/tmp",
        "TERM": "dumb",
    }


def test_an_agent_passes_names_through() -> None:
    """What it names and the worker has, over the adapter's own settings; what is missing stays missing."""
    environ = {"ANTHROPIC_API_KEY": "key", "CLAUDE_CODE_MAX_RETRIES": "9", "OTHER": "x"}

    env = built(environ, env=("ANTHROPIC_API_KEY", "CLAUDE_CODE_MAX_RETRIES", "NOT_SET"))

    assert env["ANTHROPIC_API_KEY"] == "key"
    assert env["CLAUDE_CODE_MAX_RETRIES"] == "9"
    assert "NOT_SET" not in env
    assert "OTHER" not in env


@pytest.mark.parametrize("name", sorted(OURS))
def test_nothing_of_ours_is_passed_through(name: str) -> None:
    """Even where an agent asks for it; an Agent made without its checks proves it."""
    run = a_run()
    agent = run.agent.model_construct(**{**run.agent.model_dump(), "env": (name, name.lower())})
    object.__setattr__(run, "agent", agent)

    command = build(run, program=Path("/c"), home=Path("/h"), workspace=Path("/w"), tmp=Path("/t"),
                    environ={**OURS, name.lower(): "secret"})  # fmt: skip

    assert not [value for value in command.env.values() if "secret" in value]


def test_every_setting_is_withheld() -> None:
    """A setting added tomorrow under another kind of name is noticed here."""
    names = [str(field.validation_alias) for field in Settings.model_fields.values()]
    assert [name for name in names if not WITHHELD.fullmatch(name)] == []


def test_a_program_is_found_by_its_name_on_path(tmp_path: Path) -> None:
    """The first one that can be run; a relative entry is the workspace and is not asked."""
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
    (tmp_path / "a" / "claude").touch(mode=0o644)
    (tmp_path / "b" / "claude").touch(mode=0o755)

    assert find_program("claude", {"PATH": f".::{tmp_path}/a:{tmp_path}/b"}) == tmp_path / "b" / "claude"
    assert find_program(tmp_path / "b" / "claude", {"PATH": ""}) == tmp_path / "b" / "claude"
    with pytest.raises(ProgramNotExecutable):
        find_program("claude", {"PATH": f"{tmp_path}/a"})
    with pytest.raises(ProgramMissing):
        find_program("claude", {"PATH": f"{tmp_path}/none"})


@pytest.mark.parametrize(
    ("said", "version"),
    [
        ("2.1.330 (Claude Code)", (2, 1, 330)),
        ("claude v10.0.1-beta", (10, 0, 1)),
        ("2.1", None),
        ("", None),
        ("1.2.3.4", (1, 2, 3)),
        ("9" * 5000 + ".1.1", None),
    ],
)
def test_a_version_is_three_numbers(said: str, version: tuple[int, int, int] | None) -> None:
    """Wherever they stand."""
    assert parse_version(said) == version


@pytest.mark.parametrize(
    ("exit_code", "output", "reason", "notice"),
    [
        pytest.param(0, b"2.1.330 (Claude Code)\n", None, False, id="known"),
        pytest.param(0, b"2.0.0\n", None, False, id="the lowest"),
        pytest.param(0, b"1.0.128 (Claude Code)\n", Reason.CLI_VERSION, False, id="too old"),
        pytest.param(0, b"hello\n", Reason.CLI_VERSION, False, id="something else"),
        pytest.param(0, b"line 1\nline 2\n", None, True, id="it ran instead"),
        pytest.param(0, b'{"type":"system"}\n', None, True, id="it ran and spoke JSON"),
        pytest.param(0, b"", None, True, id="it said nothing"),
        pytest.param(0, b"\xff\xfe\n\x00", None, True, id="binary"),
        pytest.param(2, b"1.0.0\n", None, True, id="it failed"),
        pytest.param(None, b"2.1.330\n", None, True, id="no answer in time"),
    ],
)
@pytest.mark.parametrize("program", ["claude", "/usr/local/bin/claude"])
def test_only_a_plain_answer_is_a_reason_to_refuse(
    program: str, exit_code: int | None, output: bytes, reason: Reason | None, *, notice: bool
) -> None:
    """A wrapper that does not know --version is run, with a notice."""
    judged = judge_version(program, exit_code, output)

    assert judged.reason is reason
    assert (judged.notice is not None) is notice
    assert judged.notice is None or judged.notice.code == "cli_version_unknown"


def test_a_known_version_is_reported() -> None:
    """For the machine's page; programs nothing is known about are not judged."""
    assert judge_version("claude", 0, b"2.1.330 (Claude Code)\n").version == "2.1.330"
    assert judge_version("aider", 0, b"aider 0.1.0\n") == Judged()
