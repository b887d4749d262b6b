"""What the processes of the CLIs' trees wrote down about themselves."""

from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path


@dataclass(frozen=True)
class Recorded:
    """One process."""

    task_id: str
    attempt: int
    #: Tells two runs of one Attempt apart.
    run: str
    role: str
    first: float
    last: float
    #: Numbered lines that were certainly printed.
    printed: int
    #: Exit code, where it came to its own end.
    exit: int | None


@dataclass(frozen=True)
class Tree:
    """All processes of one run of a CLI."""

    task_id: str
    attempt: int
    run: str
    processes: tuple[Recorded, ...]

    @property
    def first(self) -> float:
        """When the first of them began."""
        return min(process.first for process in self.processes)

    @property
    def last(self) -> float:
        """When the last of them was still alive and not frozen."""
        return max(process.last for process in self.processes)

    @property
    def main(self) -> Recorded | None:
        """The CLI itself."""
        return next((process for process in self.processes if process.role == "main"), None)


@dataclass(frozen=True)
class Overlap:
    """Two trees of one Task that could act at the same time."""

    older: Tree
    newer: Tree

    def __str__(self) -> str:
        seconds = self.older.last - self.newer.first
        return (
            f"{self.older.task_id}: attempt {self.older.attempt} lived {seconds:.3f} s into "
            f"attempt {self.newer.attempt}"
        )


def trees(folder: Path) -> dict[str, list[Tree]]:
    """Return the trees of each Task, in the order in which they began."""
    runs: dict[tuple[str, int, str], list[Recorded]] = defaultdict(list)
    for path in folder.iterdir():
        if path.name != "points" and (recorded := _read(path)):
            runs[recorded.task_id, recorded.attempt, recorded.run].append(recorded)
    found: dict[str, list[Tree]] = defaultdict(list)
    for (task_id, attempt, run), processes in runs.items():
        found[task_id].append(Tree(task_id, attempt, run, tuple(processes)))
    return {task_id: sorted(some, key=lambda tree: tree.first) for task_id, some in found.items()}


def overlaps(of_one_task: list[Tree]) -> list[Overlap]:
    """Return each pair of trees of which the older beat after the newer had begun.

    A frozen tree does not beat, so no allowance is made for anything: a beat is a process that can act.
    """
    found = []
    for number, newer in enumerate(of_one_task):
        found += [Overlap(older, newer) for older in of_one_task[:number] if older.last > newer.first]
    return found


def gaps(of_one_task: list[Tree]) -> list[float]:
    """Return the seconds between the last sign of life of one tree and the first of the next."""
    return [newer.first - older.last for older, newer in pairwise(of_one_task)]


def _read(path: Path) -> Recorded | None:
    task_id, attempt, run, role = path.name.split("_")
    lines = [line.split() for line in path.read_bytes().splitlines()]
    # The last line may be torn where the process was killed in it; a whole one has a time and a word.
    whole = [line for line in lines if len(line) >= 2]
    if not whole:
        return None
    printed = [int(line[2]) for line in whole if line[1] == b"printed" and len(line) == 3]
    ends = [int(line[2]) for line in whole if line[1] == b"end" and len(line) == 3]
    return Recorded(
        task_id=task_id,
        attempt=int(attempt),
        run=run,
        role=role,
        first=float(whole[0][0]),
        last=float(whole[-1][0]),
        printed=max(printed, default=0),
        exit=ends[0] if ends else None,
    )
