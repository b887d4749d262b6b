"""An eye on what a run uses: memory, processes, disk."""

import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from app.domain.reason import Reason
from app.process import Usage, machine_tasks
from app.runner.endings import Cut

#: Seconds between two looks, and how many of them may be spent adding up directories.
EVERY = 1.0
_ON_DISK = 0.05
#: Seconds between two glances at how many there are on the machine: a fork bomb makes thousands a second.
GLANCE = 0.2


@dataclass(frozen=True)
class Allowance:
    """What one CLI and all it started may use; bytes, and processes."""

    memory: int
    processes: int
    disk: int


class Watched(Protocol):
    """A tree of processes."""

    def usage(self, *, enough: int) -> Usage:
        """Return what it uses."""

    def freeze(self) -> None:
        """Let it stand still."""

    def thaw(self) -> None:
        """Let it go on, if its Lease allows that."""


class Watch:
    """Looks when it is asked to, but not more often than it should."""

    def __init__(self, tree: Watched, allowance: Allowance, directories: Sequence[Path]) -> None:
        self._tree = tree
        self._allowance = allowance
        self._directories = directories
        self._due = time.monotonic() + EVERY
        self._before = machine_tasks()
        self._walk: Iterator[int] = iter(())
        self._on_disk = 0

    def over(self) -> Cut | None:
        """Return the limit that is passed, with what it is and how much was used."""
        if self._crowded():
            found = self._held_still()
        elif time.monotonic() < self._due:
            return None
        else:
            found = self._over_in_use() or self._over_on_disk()
        self._due = time.monotonic() + EVERY
        self._before = machine_tasks()
        return found

    def _crowded(self) -> bool:
        """Whether so many have come since the last look that they could be this tree's."""
        return machine_tasks() - self._before > self._allowance.processes

    def _held_still(self) -> Cut | None:
        """Count while nothing changes: what doubles faster than it can be counted would win."""
        self._tree.freeze()
        found = self._over_in_use()
        if found is None:
            self._tree.thaw()
        return found

    def _over_in_use(self) -> Cut | None:
        most = self._allowance
        use = self._tree.usage(enough=most.memory)
        if use.processes > most.processes:
            return Cut(Reason.PROCESS_LIMIT, f"{use.processes} processes, with a limit of {most.processes}")
        if use.memory > most.memory:
            detail = f"{_size(use.memory)} of memory, with a limit of {_size(most.memory)}"
            return Cut(Reason.MEMORY_LIMIT, detail)
        return None

    def _over_on_disk(self) -> Cut | None:
        """Go on adding up for a moment; a large tree takes many looks, and costs no more for that."""
        until = time.monotonic() + _ON_DISK
        for size in self._walk:
            self._on_disk += size
            if self._on_disk > self._allowance.disk:
                detail = f"{_size(self._on_disk)} or more, with a limit of {_size(self._allowance.disk)}"
                return Cut(Reason.WORKSPACE_LIMIT, detail)
            if time.monotonic() >= until:
                return None
        self._walk, self._on_disk = _sizes(self._directories), 0
        return None


def _sizes(directories: Sequence[Path]) -> Iterator[int]:
    """Yield what each directory's files take on disk; links are not followed, and no file counts twice."""
    todo: list[str | Path] = list(directories)
    seen: set[tuple[int, int]] = set()
    while todo:
        total = 0
        try:
            with os.scandir(todo.pop()) as entries:
                for entry in entries:
                    found = entry.stat(follow_symlinks=False)
                    if entry.is_dir(follow_symlinks=False):
                        todo.append(entry.path)
                    elif found.st_nlink > 1 and (found.st_dev, found.st_ino) in seen:
                        continue
                    if found.st_nlink > 1:
                        seen.add((found.st_dev, found.st_ino))
                    total += found.st_blocks * 512
        except OSError:  # gone, or closed to us: what can't be seen can't be counted
            pass
        yield total


def _size(number: int) -> str:
    return f"{number / 1024**3:.1f} GB" if number >= 1024**3 else f"{number / 1024**2:.1f} MB"
