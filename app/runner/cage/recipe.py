"""The command lines of each level: what is put before a CLI's own; pure but for looking what there is."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from app.runner.cage.reach import SYSTEM, Needs, system_links
from app.runner.workspace import SessionDirs

#: What programs look for in /etc. passwd and group are the cage's own: names of people are nobody's business.
_ETC = (
    *("alternatives", "ca-certificates", "crypto-policies", "fonts", "gai.conf", "host.conf", "hosts"),
    *("java", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "localtime", "mime.types", "nsswitch.conf"),
    *("os-release", "pki", "protocols", "resolv.conf", "services", "ssl", "terminfo", "timezone"),
)
#: Bytes of memory that files in the cage's own /tmp and /dev/shm may take.
_SCRATCH = 256 * 1024**2

#: The only rights of root that are left inside.
_ROOTS = [
    *("--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"),
    *("--cap-add", "CAP_DAC_READ_SEARCH"),
]

#: Open files of one process of a CLI: more than a program needs that leaks none.
OPEN_FILES = 4096


def limits(prlimit: str, *, open_files: int, file_size: int, processes: int | None) -> list[str]:
    """Return what sets the limits of the kernel; no limit of address space, of which Node reserves much."""
    argv = [prlimit, "--core=0:0", f"--nofile={open_files}:{open_files}", f"--fsize={file_size}:{file_size}"]
    # Of a user, not of a tree: only where the user is the agents' own.
    return [*argv, *([f"--nproc={processes}:{processes}"] if processes else [])]


def as_guest(setpriv: str, uid: int, gid: int) -> list[str]:
    """Return what gives up being root, for good."""
    who = [f"--reuid={uid}", f"--regid={gid}", "--clear-groups"]
    return [setpriv, *who, "--inh-caps=-all", "--no-new-privs"]


def bubblewrap(
    bwrap: str, rooms: SessionDirs, shown: Needs, *, hidden: Iterable[Path], network: bool, root: bool
) -> list[str]:
    """Return what builds the cage; the program and its arguments come after it.

    It begins with an empty directory, so what is not named here is not there. As root it keeps the right to
    become the Guest, which is the next thing done in it, and to enter the Guest's directory before that.
    """
    argv = [bwrap, "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"]
    argv += ["--die-with-parent", "--new-session"]
    argv += _ROOTS if root else ["--unshare-user"]
    argv += [] if network else ["--unshare-net"]
    argv += _system()
    argv += _shown(shown, rooms, hidden)
    return [*argv, "--remount-ro", "/", "--chdir", str(rooms.workspace), "--"]


def _system() -> list[str]:
    argv: list[str] = []
    for path in SYSTEM:
        argv += ["--ro-bind-try", str(path), str(path)]
    for path, target in system_links():
        argv += ["--symlink", target, str(path)] if target else ["--ro-bind", str(path), str(path)]
    argv += ["--dir", "/etc"]
    for name in _ETC:
        argv += ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
    argv += ["--proc", "/proc", "--dev", "/dev"]
    for scratch in ("/dev/shm", "/tmp"):  # noqa: S108 - the cage's own
        argv += ["--perms", "1777", "--size", str(_SCRATCH), "--tmpfs", scratch]
    return [*argv, "--dir", "/var", "--symlink", "/tmp", "/var/tmp"]  # noqa: S108 - as above


def _shown(shown: Needs, rooms: SessionDirs, hidden: Iterable[Path]) -> list[str]:
    """Return the binds of what is not the system's, what is on top of what coming later."""
    steps: dict[Path, Sequence[str]] = {}
    visible = [*SYSTEM, *shown.paths]
    covered = [path for path in hidden if _is_in(path, visible)]
    for path in covered:
        steps[path] = ("--tmpfs", str(path))
    for path in shown.paths:
        steps[path] = ("--ro-bind", str(path), str(path))
    for link, target in shown.links.items():
        steps[link] = ("--symlink", str(target), str(link))
    for room in (rooms.home, rooms.workspace, rooms.tmp):
        steps[room] = ("--bind", str(room), str(room))
    for name in ("passwd", "group"):
        steps[Path("/etc") / name] = ("--ro-bind", str(rooms.etc / name), f"/etc/{name}")
    # What leads there is made first: bubblewrap itself would let nobody but root pass.
    for parent in {parent for path in steps for parent in path.parents}:
        if parent not in steps and (not _is_in(parent, visible) or _is_in(parent, covered)):
            steps[parent] = ("--dir", str(parent))
    ordered = sorted(steps.items(), key=lambda step: len(step[0].parts))
    return [word for _, step in ordered for word in step]


def _is_in(path: Path, trees: Iterable[Path]) -> bool:
    return any(path.is_relative_to(tree) for tree in trees)
