"""What a tree of processes uses, from /proc."""

import threading
import time
from dataclasses import dataclass
from mmap import PAGESIZE
from pathlib import Path

_PROC = Path("/proc")
#: Seconds for which one look at all processes does for everybody who asks.
_FRESH = 0.5


@dataclass(frozen=True)
class Usage:
    """How many processes, and how many bytes of memory are theirs."""

    processes: int = 0
    memory: int = 0


@dataclass(frozen=True)
class _Seen:
    parent: int
    memory: int


class _Census:
    """All processes of the machine, looked at once for many who ask at the same time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._taken = 0.0
        self._seen: dict[int, _Seen] = {}

    def below(self, root: int) -> dict[int, _Seen]:
        """Return the descendants of `root`."""
        seen = self._current()
        children: dict[int, list[int]] = {}
        for pid, process in seen.items():
            children.setdefault(process.parent, []).append(pid)
        found: dict[int, _Seen] = {}
        todo = [root]
        while todo:
            for pid in children.get(todo.pop(), ()):
                if pid not in found:
                    found[pid] = seen[pid]
                    todo.append(pid)
        return found

    def _current(self) -> dict[int, _Seen]:
        with self._lock:
            if time.monotonic() - self._taken > _FRESH:
                self._seen = dict(filter(None, map(_read, _numbers())))
                self._taken = time.monotonic()
            return self._seen


_census = _Census()


def machine_tasks() -> int:
    """Return how many processes and threads there are on this machine: one short file. 0 without /proc."""
    try:
        return int((_PROC / "loadavg").read_text().split()[3].partition("/")[2])
    except (OSError, ValueError, IndexError):
        return 0


def usage_below(root: int, *, enough: int) -> Usage:
    """Return what the descendants of `root` use; nothing where there is no /proc.

    Pages that processes share count for each of them, which is quick to ask. Only where that comes to more
    than `enough` bytes it is counted properly.
    """
    tree = _census.below(root)
    memory = sum(process.memory for process in tree.values())
    if memory > enough:
        memory = sum(_share(pid, process.memory) for pid, process in tree.items())
    return Usage(len(tree), memory)


def _numbers() -> list[int]:
    try:
        return [int(path.name) for path in _PROC.iterdir() if path.name.isdigit()]
    except OSError:
        return []


def _read(pid: int) -> tuple[int, _Seen] | None:
    try:
        line = (_PROC / str(pid) / "stat").read_bytes()
    except OSError:  # ended meanwhile
        return None
    # After the name, which may hold anything: state, parent, and 20 fields later the resident pages.
    fields = line.rpartition(b")")[2].split()
    return pid, _Seen(parent=int(fields[1]), memory=int(fields[21]) * PAGESIZE)


def _share(pid: int, resident: int) -> int:
    """Return the process's part of what it uses, shared pages divided among those who share them."""
    try:
        lines = (_PROC / str(pid) / "smaps_rollup").read_text().splitlines()
    except OSError:  # ended, another user's, or an old kernel
        return resident
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), resident)
