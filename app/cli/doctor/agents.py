"""The agents, the CLIs they run with, and the keys these need."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from shlex import quote
from typing import TypeVar

from app.agents import Catalogue
from app.cli.doctor.finding import Finding, note, right, wrong
from app.domain.agent import Agent, Problem
from app.domain.machine import Machine
from app.domain.sandbox import Level as SandboxLevel
from app.runner.clis import Clis

K = TypeVar("K")

_INSTALL = {"claude": "npm install -g @anthropic-ai/claude-code@latest"}
_KEY = re.compile(r".*(KEY|TOKEN|SECRET|PASSWORD|CREDENTIALS?)", re.IGNORECASE)
#: Comes with Errand itself.
_OWN = "demo"


def files(catalogue: Catalogue) -> Iterator[Finding]:
    """What is wrong in agents/, by file and line."""
    for problem in catalogue.problems:
        make = wrong if problem.level == "error" else note
        yield make("agents", f"{_where(problem)}: {problem.message}", _edit(problem))
    if catalogue.usable:
        yield right("agents", f"Usable: {', '.join(sorted(catalogue.usable))}.")


def programs(
    agents: Mapping[str, Agent], environ: Mapping[str, str], workers: Sequence[Machine]
) -> Iterator[Finding]:
    """Which CLIs are here, or at least on a worker that is alive."""
    clis = Clis(environ)
    for cli, names in sorted(_by(agents, lambda agent: agent.cli).items()):
        found = clis.report([cli])[cli]
        elsewhere = [m.name for m in workers if cli in m.clis and m.clis[cli].usable]
        if cli == _OWN:
            yield right("cli", f"{cli} comes with Errand.")
        elif found.usable:
            yield right("cli", f"{cli} {found.version or '(version not told)'} is at {found.path}.")
        elif elsewhere:
            yield right("cli", f"{cli} is not usable here, but on {', '.join(elsewhere)}.")
        else:
            fix = _INSTALL.get(cli, f'export PATH="/where/{cli}/is:$PATH"')
            yield wrong("cli", f"{', '.join(names)} can't run: {found.problem}", fix)


def levels(agents: Mapping[str, Agent], workers: Sequence[Machine], floor: SandboxLevel) -> Iterator[Finding]:
    """At which level of the sandbox each CLI runs, why not at a higher one, and what was lowered."""
    for worker in workers:
        for cli, found in sorted(worker.clis.items()):
            if found.sandbox_note:
                yield note(
                    "sandbox", f"{cli} runs at {found.sandbox} on {worker.name}: {found.sandbox_note}."
                )
            elif found.sandbox:
                yield right("sandbox", f"{cli} runs at {found.sandbox} on {worker.name}.")
    for name, agent in agents.items():
        if agent.sandbox == "off":
            yield note("sandbox", f'{name} says sandbox = "off": it runs at level-0.')
    if floor < SandboxLevel.CAGE:
        text = f"ERRAND_SANDBOX_FLOOR is {floor}: tasks with text from outside may run without the cage."
        yield note("sandbox", text, "unset ERRAND_SANDBOX_FLOOR   # where the cage works")


def keys(agents: Mapping[str, Agent], environ: Mapping[str, str]) -> Iterator[Finding]:
    """Whether one of the keys that agents pass through is set here; its value is nobody's business."""
    for wanted, names in sorted(_by(agents, lambda agent: tuple(filter(_KEY.fullmatch, agent.env))).items()):
        there = [key for key in wanted if environ.get(key)]
        if wanted and all(agents[name].credentials for name in names):
            yield note(
                "key", f"{', '.join(names)}: the server has their credentials (errand credentials list)."
            )
        elif there:
            yield right("key", f"{there[0]} is set, for {', '.join(names)}.")
        elif wanted:
            yield wrong(
                "key",
                f"None of {', '.join(wanted)} is set here; {', '.join(names)} can't sign in "
                "where the worker was started without one.",
                f"export {wanted[0]}=... && bin/up",
            )


def _by(agents: Mapping[str, Agent], key: Callable[[Agent], K]) -> dict[K, list[str]]:
    """Return the names of the agents that share a key, sorted."""
    groups: dict[K, list[str]] = defaultdict(list)
    for name in sorted(agents):
        groups[key(agents[name])].append(name)
    return groups


def _where(problem: Problem) -> str:
    return problem.file if problem.line is None else f"{problem.file}, line {problem.line}"


def _edit(problem: Problem) -> str:
    return f"${{EDITOR:-vi}} +{problem.line or 1} {quote(problem.file)}"
