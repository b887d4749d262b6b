"""What a program needs in order to start, and what would keep another user from reaching it."""

import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from app.process import StartFailed
from app.process.locate import locate

#: What the cage shows as it is. Everything else a program needs is named one by one.
SYSTEM = tuple(map(Path, ("/usr", "/nix/store", "/gnu/store")))
#: Links or directories, as the distribution has them.
SYSTEM_LINKS = tuple(map(Path, ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")))
#: Directories everybody may write to; the cage has its own.
SHARED = tuple(map(Path, ("/tmp", "/var/tmp", "/dev/shm")))  # noqa: S108 - named, not used
#: How far links and interpreters are followed.
_HOPS = 16


@dataclass
class Needs:
    """What has to be visible: files and trees as they are, and links to make."""

    paths: list[Path] = field(default_factory=list)
    #: Where a link is, and what it leads to in the end.
    links: dict[Path, Path] = field(default_factory=dict)


def needs(programs: Iterable[str], path: str) -> Needs:
    """Return what these programs need beyond the system; interpreters are looked up on `path`."""
    found = Needs()
    todo = [Path(program) for program in programs]
    seen: set[Path] = set()
    while todo and len(seen) < _HOPS:
        program = todo.pop()
        if program in seen or not program.exists():
            continue
        seen.add(program)
        real = program.resolve()
        _add(found, program, real)
        todo += _interpreter(real, path)
    return found


def closed(paths: Iterable[Path], uid: int, gid: int) -> str | None:
    """Return what keeps a user out of one of `paths`, None where nothing does."""
    for path in paths:
        for parent in reversed(path.parents):
            if not _may_enter(parent, uid, gid):
                return f"{parent} is closed to other users"
    return None


def in_shared(paths: Iterable[Path], tmp: str | None) -> str | None:
    """Return which directory for everybody's temporary files one of `paths` is in."""
    shared = {*SHARED, *([Path(tmp)] if tmp and tmp.startswith("/") and tmp != "/" else [])}
    for path in paths:
        for directory in shared:
            if path.is_relative_to(directory):
                return f"{path} is in {directory}, for temporary files"
    return None


def _add(found: Needs, program: Path, real: Path) -> None:
    venv = program.parent.parent
    if (venv / "pyvenv.cfg").is_file():
        found.paths.append(venv)
    if not _is_system(real):
        found.paths.append(_tree_of(real))
    there = _is_system(program) or any(program.is_relative_to(path) for path in found.paths)
    if program != real and not there:
        found.links[program] = real


def _tree_of(real: Path) -> Path:
    """Return the installation `real` belongs to, where its place tells; else the file itself."""
    modules = [parent for parent in real.parents if parent.name == "node_modules"]
    if modules:
        return modules[-1]
    prefix = real.parent.parent
    if real.parent.name == "bin" and _is_prefix(prefix):
        return prefix
    return real


def _is_prefix(prefix: Path) -> bool:
    """Whether a Python or a Node was installed into `prefix`, and nothing but that kind of thing is there."""
    if prefix.name == ".local" or prefix in {Path.home(), Path("/")}:
        return False
    return any(True for _ in prefix.glob("lib/python3*")) or (prefix / "lib" / "node_modules").is_dir()


def _is_system(path: Path) -> bool:
    return any(path.is_relative_to(system) for system in (*SYSTEM, *SYSTEM_LINKS))


def _interpreter(script: Path, path: str) -> Iterator[Path]:
    try:
        with script.open("rb") as file:
            first = file.readline(4096)
    except OSError:
        return
    if not first.startswith(b"#!"):
        return
    words = first[2:].decode("utf-8", "surrogateescape").split()
    if not words:
        return
    yield Path(words[0])
    if Path(words[0]).name == "env":
        named = [word for word in words[1:] if not word.startswith("-") and "=" not in word]
        try:
            yield from [Path(locate(word, {"PATH": path}, Path("/"))) for word in named[:1]]
        except StartFailed:
            return


def _may_enter(directory: Path, uid: int, gid: int) -> bool:
    try:
        found = directory.stat()
    except OSError:
        return False
    if found.st_uid == uid:
        return bool(found.st_mode & stat.S_IXUSR)
    return bool(found.st_mode & (stat.S_IXGRP if found.st_gid == gid else stat.S_IXOTH))


def system_links() -> Iterator[tuple[Path, str | None]]:
    """Yield /bin and its like: where it leads, None for a directory of its own."""
    for path in SYSTEM_LINKS:
        if path.is_symlink():
            yield path, str(path.readlink())
        elif path.is_dir():
            yield path, None
