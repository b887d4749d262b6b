"""The directories of a Session: made, furnished with its Agent's instructions, and removed.

A CLI may have left anything in them, links included. So every step goes through the descriptor of the
directory it works in and never through a path with a part that the CLI could have replaced.
"""

import contextlib
import errno
import os
import secrets
import stat
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from app.agents import File, instructions
from app.domain.reason import Reason
from app.errors import Invalid
from app.process import StartFailed, WorkspaceUnusable
from app.runner.guest import Guest, find_guest
from app.runner.ownership import give, own

#: What stays in HOME/.claude between Attempts: transcripts (resuming needs them) and the CLI's own lists.
#: All else goes. A settings.json, hooks, commands or agents left there by one run would steer the next.
KEPT = frozenset({"projects", "todos", "tasks", "plans", "file-history", ".credentials.json"})

#: Where in its home an agent finds the workspace of the Task before.
PREVIOUS = "previous-workspace"

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class DiskFull(StartFailed):
    """There is no room left to work in."""

    reason = Reason.DISK_FULL


@dataclass(frozen=True)
class SessionDirs:
    """Where a Session's CLI lives, works, and puts what it throws away."""

    home: Path
    workspace: Path
    tmp: Path
    #: The passwd and group of its cage, which the CLI cannot write to.
    etc: Path


def prepare(
    data_dir: Path, session_id: str, agent_dir: Path, *, owner: Guest | None = None, group: int | None = None
) -> SessionDirs:
    """Make the Session's directories, check them, and install the Agent's instructions afresh.

    They become the `owner`'s, if one is given; that takes root. Only `group` may pass to them from outside.
    Raises WorkspaceUnusable, DiskFull, or Invalid (`agent_invalid`, `session_id`).
    """
    root = data_dir / "sessions" / _checked(session_id)
    files = instructions(agent_dir)
    with _told(root), _session(data_dir, session_id) as session:
        for name in ("home", "workspace", "tmp"):
            with _opened(_entered(session, name)) as directory:
                _try_writing(directory)
                if owner:
                    own(directory, owner.uid, owner.gid)
        with _opened(_entered(session, "home")) as home:
            _install(home, files, owner)
        _describe(session, owner, root / "home")
        _admit(session, group)
    return SessionDirs(*(root / name for name in ("home", "workspace", "tmp", "etc")))


def exchange(data_dir: Path, session_id: str, fresh: Path) -> None:
    """Make the directory `fresh` the Session's workspace; the one that was moves to PREVIOUS in its home.

    So what a Task did not commit is there for the next one, whose own files begin anew. Nobody is in there.
    """
    root = data_dir / "sessions" / _checked(session_id)
    with _told(root), _session(data_dir, session_id) as session:
        with _opened(_entered(session, "home")) as home:
            _erase(home, PREVIOUS)
            if _kind(session, "workspace") == stat.S_IFDIR:
                os.rename("workspace", PREVIOUS, src_dir_fd=session, dst_dir_fd=home)
        _erase(session, "workspace")
        os.rename(fresh, "workspace", dst_dir_fd=session)


def remove(data_dir: Path, session_id: str) -> None:
    """Delete the Session's directories and all in them; what links there point to is left alone."""
    root = data_dir / "sessions" / _checked(session_id)
    if not root.parent.exists():
        return
    with _told(root), _opened(os.open(root.parent, _DIRECTORY)) as sessions:
        _erase(sessions, session_id)


def failure(error: OSError, path: Path) -> StartFailed:
    """Return the typed error for what the operating system said about `path`."""
    said = error.strerror or str(error)
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return DiskFull(detail=f"{said} while writing to {path}")
    if error.errno in {errno.ELOOP, errno.ENOTDIR, errno.EEXIST}:
        return WorkspaceUnusable(detail=f"in {path}, a file or a link stands where a directory should be")
    if error.errno in {errno.EROFS, errno.EACCES, errno.EPERM}:
        return WorkspaceUnusable(detail=f"{path} is not writable ({said})")
    return WorkspaceUnusable(detail=f"{path}: {said}")


def _checked(session_id: str) -> str:
    """Return `session_id` if it is a UUID as we write them; nothing else becomes a path."""
    with contextlib.suppress(ValueError):
        if str(uuid.UUID(session_id)) == session_id:
            return session_id
    raise Invalid("The session id is not a UUID.", reason="session_id")


@contextlib.contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise failure(error, path) from error


@contextlib.contextmanager
def _opened(descriptor: int) -> Iterator[int]:
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _session(data_dir: Path, session_id: str) -> Iterator[int]:
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    # The data dir is the operator's choice, so links may lead to it; below it they may not lead anywhere.
    with (
        _opened(os.open(data_dir, _DIRECTORY & ~os.O_NOFOLLOW)) as data,
        # Where CLIs have a user of their own it passes through here, and sees no names.
        _opened(_entered(data, "sessions", mode=0o711 if os.geteuid() == 0 else 0o700)) as sessions,
        _opened(_entered(sessions, session_id)) as session,
    ):
        yield session


def _entered(parent: int, name: str, *, mode: int = 0o700) -> int:
    """Open the directory `name`, made if need be, ours alone; OSError for a link or a file in its place."""
    with contextlib.suppress(FileExistsError):
        os.mkdir(name, 0o700, dir_fd=parent)
    descriptor = os.open(name, _DIRECTORY, dir_fd=parent)
    os.fchmod(descriptor, mode)
    return descriptor


def _try_writing(directory: int) -> None:
    """Write a byte: permission bits say little for root, on read-only mounts and on full disks."""
    name = f".errand-{secrets.token_hex(8)}"
    try:
        _write(directory, name, File(b"\n", executable=False))
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name, dir_fd=directory)


def _describe(session: int, owner: Guest | None, home: Path) -> None:
    """Write down who lives there, for programs that want a name for a number."""
    who = owner or find_guest(str(os.geteuid()))
    with _opened(_entered(session, "etc")) as etc:
        for name, content in (("passwd", who.passwd(home)), ("group", who.group())):
            _place(etc, PurePosixPath(name), File(content, executable=False))
            os.chmod(name, 0o644, dir_fd=etc)


def _admit(session: int, group: int | None) -> None:
    """Let a group pass, or nobody; whoever had passed before is gone."""
    if group is not None:
        os.fchown(session, -1, group)
        os.fchmod(session, 0o710)


def _install(home: int, files: Mapping[str, File], owner: Guest | None) -> None:
    if _kind(home, ".claude") != stat.S_IFDIR:
        _erase(home, ".claude")
    with _opened(_entered(home, ".claude")) as claude:
        for name in _names(claude):
            if name not in KEPT or _kind(claude, name) == stat.S_IFLNK:
                _erase(claude, name)
        for path, file in files.items():
            _place(claude, PurePosixPath(path), file)
        if owner:
            give(claude, owner.uid, owner.gid, spared=KEPT)


def _place(directory: int, path: PurePosixPath, file: File) -> None:
    """Write `file` under `path`, whole or not at all."""
    if len(path.parts) > 1:
        with _opened(_entered(directory, path.parts[0])) as deeper:
            _place(deeper, path.relative_to(path.parts[0]), file)
        return
    draft = f".{secrets.token_hex(8)}"
    _write(directory, draft, file)
    os.replace(draft, path.name, src_dir_fd=directory, dst_dir_fd=directory)


def _write(directory: int, name: str, file: File) -> None:
    mode = 0o700 if file.executable else 0o600
    with open(name, "wb", opener=lambda path, _: os.open(path, _NEW_FILE, mode, dir_fd=directory)) as written:
        written.write(file.content)


def _names(directory: int) -> list[str]:
    with os.scandir(directory) as found:
        return [entry.name for entry in found]


def _kind(parent: int, name: str) -> int:
    """Return what `name` is (stat.S_IFDIR, S_IFLNK ...), links not followed; 0 for nothing."""
    try:
        return stat.S_IFMT(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode)
    except FileNotFoundError:
        return 0


def _erase(parent: int, name: str) -> None:
    """Delete `name` whatever it is; a link goes, its target stays.

    A directory met on the way down is first moved up to the top. So however deep a CLI nested them, two
    open descriptors are enough and no path ever grows too long.
    """
    if _kind(parent, name) != stat.S_IFDIR:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name, dir_fd=parent)
        return
    with _opened(_unlocked(parent, name)) as top:
        while found := _names(top):
            for entry in found:
                if _kind(top, entry) == stat.S_IFDIR:
                    _flatten(top, entry)
                else:
                    os.unlink(entry, dir_fd=top)
    os.rmdir(name, dir_fd=parent)


def _flatten(top: int, name: str) -> None:
    with _opened(_unlocked(top, name)) as directory:
        for entry in _names(directory):
            if _kind(directory, entry) == stat.S_IFDIR:
                os.close(_unlocked(directory, entry))
                os.rename(entry, f".{secrets.token_hex(8)}", src_dir_fd=directory, dst_dir_fd=top)
            else:
                os.unlink(entry, dir_fd=directory)
    os.rmdir(name, dir_fd=top)


def _unlocked(parent: int, name: str) -> int:
    """Open a directory that shall go, whose mode may forbid that (Go's module cache is read-only)."""
    try:
        descriptor = os.open(name, _DIRECTORY, dir_fd=parent)
    except PermissionError:
        os.chmod(name, 0o700, dir_fd=parent)
        descriptor = os.open(name, _DIRECTORY, dir_fd=parent)
    os.fchmod(descriptor, 0o700)
    return descriptor
