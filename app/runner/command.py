"""From a Run to the Command that carries it out, and whether a program is one Errand can use; pure."""

import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from app.domain.agent import Agent
from app.domain.event import Notice
from app.domain.reason import Reason
from app.errors import Invalid
from app.process import Command
from app.process.locate import locate
from app.runner.adapters import Run, adapter_for
from app.runner.environment import build_environment

#: The lowest version of each CLI whose flags and lines Errand knows.
LOWEST = {"claude": (2, 0, 0)}

_VERSION = re.compile(r"(?<![\d.])(\d{1,6})\.(\d{1,6})\.(\d{1,6})")


def build(
    run: Run,
    *,
    program: Path,
    home: Path,
    workspace: Path,
    tmp: Path,
    environ: Mapping[str, str],
    given: Mapping[str, str] = MappingProxyType({}),
    without: AbstractSet[str] = frozenset(),
    proxy: str | None = None,
) -> Command:
    """Return what to start. Nothing the user wrote is in argv or in the environment: it is all in stdin.

    `given` is out of Credentials; nothing secret is in argv, which everybody on the machine may read.
    `proxy` is what an Agent with `network = "proxy"` goes through; raises Invalid where it has none.
    """
    adapter = adapter_for(run.agent.cli)
    return Command(
        argv=(str(program), *adapter.argv(run)),
        cwd=workspace,
        env=build_environment(
            environ,
            passed=run.agent.env,
            fixed={**adapter.env(run), **_through(run.agent, proxy)},
            given=given,
            without=without,
            home=home,
            tmp=tmp,
        ),
        stdin=adapter.stdin(run),
    )


def _through(agent: Agent, proxy: str | None) -> dict[str, str]:
    if agent.network != "proxy":
        return {}
    if not proxy:
        raise Invalid(
            f'{agent.name} says network = "proxy", and ERRAND_AGENT_PROXY is not set on the worker',
            reason=Reason.AGENT_INVALID,
        )
    names = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
    # What goes round a proxy of the worker's goes through this one too.
    both = [*names, *map(str.lower, names)]
    return {**dict.fromkeys(both, proxy), "NO_PROXY": "", "no_proxy": ""}


def find_program(program: str | Path, environ: Mapping[str, str]) -> Path:
    """Return where `program` is on the PATH of `environ`; raises ProgramMissing or ProgramNotExecutable.

    A name never means a file of the working directory; a Path is a program that comes with Errand.
    """
    return Path(locate(str(program), environ, Path("/")))


@dataclass(frozen=True)
class Judged:
    """What a program's answer to `--version` comes to."""

    version: str | None = None
    #: Why it is not to be run, and what fills that reason's sentence.
    reason: Reason | None = None
    detail: str = ""
    #: What to say about it in a run that goes ahead.
    notice: Notice | None = None


def parse_version(output: str) -> tuple[int, int, int] | None:
    """Return the first version number in `output`."""
    found = _VERSION.search(output)
    return (int(found[1]), int(found[2]), int(found[3])) if found else None


def judge_version(program: str | Path, exit_code: int | None, output: bytes) -> Judged:
    """Judge how `program --version` went; `exit_code` is None where it gave no answer in time.

    Only the plain answer of a program too old, or of something else by that name, is a reason not to run it.
    One that does not know the flag (a wrapper, a script in its place) gets the benefit of the doubt.
    """
    name = Path(program).name
    lowest = LOWEST.get(name)
    if lowest is None:
        return Judged()
    lines = output.decode("utf-8", "replace").strip().splitlines()
    if exit_code != 0 or len(lines) != 1 or lines[0].lstrip().startswith(("{", "[")):
        return Judged(notice=_unknown(name))
    version = parse_version(lines[0])
    if version is None or version < lowest:
        return Judged(reason=Reason.CLI_VERSION, detail=repr(lines[0].strip()[:100]))
    return Judged(version=".".join(map(str, version)))


def _unknown(program: str) -> Notice:
    return Notice(
        code="cli_version_unknown",
        text=f"{program} did not tell its version; Errand runs it as it is. Some output may be shown raw.",
    )
