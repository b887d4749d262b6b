"""Find a program and say in time, and in words, why it cannot be run."""

import errno
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from app.process.errors import ProgramMissing, ProgramNotExecutable, StartFailed, WorkspaceUnusable

#: The system's own trouble, which another try later may not have.
_EXHAUSTED = frozenset({errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE})


def locate(program: str, env: Mapping[str, str], cwd: Path) -> str:
    """Return the path of `program`, from the PATH it will get; a relative entry there is never used."""
    if "/" in program:
        candidates = [cwd / program]
    else:
        entries = env.get("PATH", os.defpath).split(os.pathsep)
        # An empty or relative entry is the workspace, which is not ours to trust.
        candidates = [Path(entry) / program for entry in entries if entry.startswith("/")]
    try:
        files = [path for path in candidates if path.is_file()]
    except ValueError as error:  # a NUL in the name
        raise ProgramMissing(cli=repr(program)) from error
    for path in files:
        if os.access(path, os.X_OK):
            return str(path)
    if files:
        raise ProgramNotExecutable(cli=program, detail=f"{files[0]}: permission denied")
    raise ProgramMissing(cli=program)


def require_directory(path: Path) -> None:
    """Raise unless `path` is a directory one can enter."""
    if not path.is_dir():
        raise WorkspaceUnusable(detail=f"{path} is {'not a directory' if path.exists() else 'missing'}")
    if not os.access(path, os.X_OK):
        raise WorkspaceUnusable(detail=f"{path} cannot be entered")


def require_writable(path: Path) -> None:
    """Raise unless `path` is a directory one can enter and write."""
    require_directory(path)
    if not os.access(path, os.W_OK):
        raise WorkspaceUnusable(detail=f"{path} is not writable")


@contextmanager
def out_of_something(program: str) -> Iterator[None]:
    """Make the system's refusal of a descriptor, a process or memory a `StartFailed`."""
    try:
        yield
    except OSError as error:
        raise StartFailed(cli=program, detail=str(error)) from error


def explain(number: int, program: str, path: str, detail: str = "") -> StartFailed:
    """Return the error for a failed exec of `path`; `detail` is what is known beyond the number."""
    if number in _EXHAUSTED:
        return StartFailed(cli=program, detail=os.strerror(number))
    if number == errno.ENOENT:  # it was there a moment ago
        detail = "the interpreter of its first line is missing"
    return ProgramNotExecutable(cli=program, detail=f"{path}: {detail or os.strerror(number).lower()}")
