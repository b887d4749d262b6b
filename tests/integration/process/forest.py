"""A program that grows a tree which is hard to end; each process of it writes a file named by its pid.

Usage: forest.py DIRECTORY [SHAPE...]; without shapes, all of them, and SIGTERM is ignored by everybody.
"""

import os
import signal
import sys
from pathlib import Path


def live(directory: Path, name: str) -> None:
    """Record this process, then stay."""
    (directory / f"{os.getpid()}.new").write_text(name)
    (directory / f"{os.getpid()}.new").rename(directory / str(os.getpid()))
    while True:
        signal.pause()


def child(directory: Path) -> None:
    """A plain child."""
    if os.fork() == 0:
        live(directory, "child")


def session(directory: Path) -> None:
    """A child in a session of its own."""
    if os.fork() == 0:
        os.setsid()
        live(directory, "session")


def daemon(directory: Path) -> None:
    """A daemon by the book: forked twice, its own session, no descriptor of ours."""
    pid = os.fork()
    if pid == 0:
        os.setsid()
        if os.fork() == 0:
            os.closerange(0, 64)
            live(directory, "daemon")
        os._exit(0)
    os.waitpid(pid, 0)


def stranger(directory: Path) -> None:
    """A daemon that also dropped the environment, and with it the mark."""
    pid = os.fork()
    if pid == 0:
        os.setsid()
        if os.fork() == 0:
            argv = [sys.executable, "-ISE", __file__, str(directory), "alone"]
            os.execve(sys.executable, argv, {})  # noqa: S606 - that is what a stranger does
        os._exit(0)
    os.waitpid(pid, 0)


def runner(directory: Path) -> None:
    """Processes that each fork the next in a new session, and exit: never the same pid for long."""
    pid = os.fork()
    if pid:
        os.waitpid(pid, 0)
        return
    while True:
        if os.fork():
            os._exit(0)
        os.setsid()
        (directory / "generation").write_text(str(os.getpid()))


SHAPES = {"child": child, "session": session, "daemon": daemon, "stranger": stranger, "runner": runner}


def main() -> None:
    """Grow the shapes, then stay."""
    directory = Path(sys.argv[1])
    shapes = sys.argv[2:] or ["deaf", "child", "session", "daemon", "stranger"]
    if "deaf" in shapes:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    for shape in shapes:
        if shape in SHAPES:
            SHAPES[shape](directory)
    live(directory, "main")


if __name__ == "__main__":
    main()
