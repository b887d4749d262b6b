"""What a Task from outside brings along: files to work on, a longer message, and where its work goes.

The runner knows nothing of where that is; whoever composes the worker gives it a Source.
"""

import json
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from app.domain.task import Task
from app.process import Completed

_NOTE = "assignment.json"


class Inside(Protocol):
    """Runs a short command in the Session's workspace, as the CLI is run and with nothing it has not."""

    def __call__(
        self, argv: Sequence[str], *, env: Mapping[str, str], timeout: float, max_bytes: int
    ) -> Completed:
        """Return how it went; raises StartFailed."""


class Assignment(Protocol):
    """The work of one Attempt; what its methods raise as an ErrandError ends the Attempt."""

    @property
    def message(self) -> str:
        """What the CLI is told in the place of the Task's message."""

    @property
    def beginning(self) -> str:
        """What the next Attempt of the same Task has to know to go on in the same workspace."""

    def furnish(self, directory: Path) -> None:
        """Fill a new directory, which becomes the workspace; nothing of its content runs."""

    def check_out(self, inside: Inside) -> None:
        """Finish the workspace from within."""

    def take(self, inside: Inside) -> None:
        """Take what the CLI made, after it ended well; raises LeaseLost and Unavailable only."""


#: From a Task, and the `beginning` of an earlier Attempt of it, to its Assignment, if it brings one along.
Source = Callable[[Task, str | None], Assignment | None]


@contextmanager
def new_directory(data_dir: Path) -> Iterator[Path]:
    """Make a directory of the worker's own, on the file system of the Sessions; gone afterwards."""
    path = data_dir / "checkouts" / secrets.token_hex(8)
    path.mkdir(mode=0o700, parents=True)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def read_beginning(session: Path, task: Task) -> str | None:
    """Return what an earlier Attempt of this Task began with, None where its workspace was never finished."""
    try:
        noted = json.loads((session / _NOTE).read_text())
    except (OSError, ValueError):
        return None
    return str(noted["beginning"]) if noted.get("task") == task.id else None


def note_beginning(session: Path, task: Task, beginning: str) -> None:
    """Write down that the workspace is this Task's and finished; beside it, where its CLI does not write."""
    draft = session / f".{_NOTE}"
    draft.write_text(json.dumps({"task": task.id, "beginning": beginning}))
    draft.replace(session / _NOTE)
