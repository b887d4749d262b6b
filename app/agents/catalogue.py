"""Every Agent in the agents folder by name, usable or not, and the choice of one for a Task."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from app.agents.instructions import DEEPEST, instructions, wanting
from app.agents.manifest import parse
from app.agents.source import Unusable, because, read, shown
from app.domain.agent import FALLBACK, Agent, Problem, is_name
from app.domain.event import Notice
from app.errors import Invalid

LARGEST_MANIFEST = 256 * 1024

_Fingerprint = frozenset[tuple[str | int, ...]]


@dataclass(frozen=True)
class Catalogue(Mapping[str, Agent | Problem]):
    """What the agents folder held when it was read."""

    entries: Mapping[str, Agent | Problem]
    warnings: tuple[Problem, ...] = ()

    def __getitem__(self, name: str) -> Agent | Problem:
        return self.entries[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    @property
    def usable(self) -> dict[str, Agent]:
        """The Agents a Task can run with."""
        return {name: entry for name, entry in self.entries.items() if isinstance(entry, Agent)}

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Everything a person has to mend, errors first."""
        return (*(entry for entry in self.entries.values() if isinstance(entry, Problem)), *self.warnings)


@dataclass(frozen=True)
class Resolved:
    """The Agent a Task runs with, and the Notice to show where it is not the one asked for."""

    agent: Agent
    notice: Notice | None = None


class Agents:
    """The agents folder, which may be edited while Errand runs; it is read again only when it changed."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._last: tuple[_Fingerprint, Catalogue] | None = None

    def current(self) -> Catalogue:
        """Return what the folder holds now; safe to call from any thread."""
        # Taken before reading: what changes meanwhile is seen by the next call.
        fingerprint = frozenset(_marks(self.root))
        last = self._last
        if last is None or last[0] != fingerprint:
            last = self._last = (fingerprint, load(self.root))
        return last[1]

    def resolve(self, name: str | None) -> Resolved:
        """Choose the Agent for `name` from the folder as it is now; see the function `resolve`."""
        return resolve(self.current(), name)

    def folder(self, agent: Agent) -> Path:
        """Return the directory with `agent`'s instructions."""
        return self.root / agent.name


def resolve(agents: Mapping[str, Agent | Problem], name: str | None) -> Resolved:
    """Return the Agent asked for, or the fallback with a Notice that says so; None asks for the fallback.

    Raises Invalid: `agent_name` for what can't be a name, `agent_invalid` for an Agent that can't be used.
    """
    if name is not None and not is_name(name):
        quoted = repr(name if len(name) <= 60 else name[:60] + "…")
        rule = "It begins with a letter from a to z and has at most 41 of a-z, 0-9 and '-'."
        raise Invalid(f"{quoted} cannot be the name of an agent. {rule}", reason="agent_name")
    wanted = name or FALLBACK
    found = agents.get(wanted)
    if isinstance(found, Agent):
        return Resolved(found)
    if found is not None:
        raise Unusable(found.file, found.message, line=found.line)
    fallback = agents.get(FALLBACK)
    if fallback is None:
        raise Unusable(f"agents/{FALLBACK}/agent.toml", f"is missing, and so is the agent {wanted!r}")
    if isinstance(fallback, Problem):
        what = f"{fallback.message}; it was to stand in for {wanted!r}, which does not exist"
        raise Unusable(fallback.file, what, line=fallback.line)
    known = ", ".join(sorted(agents))
    text = f"There is no agent {wanted!r}, so {FALLBACK!r} took the task. Agents here: {known}."
    return Resolved(fallback, Notice(code="agent_fallback", text=text))


def load(root: Path) -> Catalogue:
    """Read every Agent below `root`; whatever is wrong there becomes a Problem, never an exception."""
    entries: dict[str, Agent | Problem] = {}
    warnings: list[Problem] = []
    trouble = "is missing, the agent that stands in for every unknown one"
    try:
        names = sorted(entry.name for entry in root.iterdir() if _should_be_agent(entry))
    except OSError as error:
        names, trouble = [], f"is missing: the folder {root.name} {because(error)}"
    for name in names:
        try:
            entries[name], more = _load_one(root, name)
            warnings += more
        except Unusable as error:
            # The name of a folder may be bytes that are no text; what is shown must be.
            text = name.encode(errors="replace").decode()
            file = error.file.encode(errors="replace").decode()
            entries[text] = Problem(agent=text, file=file, line=error.line, message=error.what)
    if FALLBACK not in entries:
        file = f"{root.name}/{FALLBACK}/agent.toml"
        entries[FALLBACK] = Problem(agent=FALLBACK, file=file, message=trouble)
    return Catalogue(entries, tuple(warnings))


def _should_be_agent(path: Path) -> bool:
    """Whether `path` is a directory, or a file where by its name a directory should be."""
    return is_name(path.name) or (path.is_dir() and path.name[0] not in "._")


def _load_one(root: Path, name: str) -> tuple[Agent, list[Problem]]:
    folder = root / name
    if not is_name(name):
        raise Unusable(shown(root, folder), "the name must match [a-z][a-z0-9-]{0,40}")
    manifest = folder / "agent.toml"
    content, _ = read(root, manifest, limit=LARGEST_MANIFEST)
    agent = parse(name, content, file=shown(root, manifest))
    return agent, [
        Problem(agent=name, file=shown(root, folder / file), message=what, level="warning")
        for file, what in wanting(instructions(folder))
    ]


def _marks(root: Path) -> Iterator[tuple[str | int, ...]]:
    """Yield an item per file, different once the file was edited, replaced, or its permissions changed."""
    for top, folders, files in os.walk(root):
        depth = len(Path(top).relative_to(root).parts)
        folders[:] = [name for name in folders if _may_matter(name)] if depth < DEEPEST + 2 else []
        for path in (Path(top), *(Path(top, name) for name in (*files, *folders))):
            try:
                found = path.stat()
            except OSError as error:
                yield (str(path), error.errno or 0)
            else:
                yield (str(path), found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size)


def _may_matter(folder: str) -> bool:
    return folder == ".claude" or folder[0] not in "._"
