"""Stands for a worker: starts one tree, tells its pid, and stays; SIGUSR1 forks it.

Usage: worker.py process|child MARK DIRECTORY GRACE -- ARGV...
"""

import os
import signal
import sys
from pathlib import Path

from app.process import Child, Command, Process


def fork_and_stay(*_: object) -> None:
    """Leave a fork that holds all our descriptors."""
    if os.fork() == 0:
        (Path(sys.argv[3]) / "fork").write_text(str(os.getpid()))
        signal.pause()


def main() -> None:
    """Start what the arguments say."""
    kind, mark, directory, grace = sys.argv[1:5]
    argv = tuple(sys.argv[6:])
    env = {"PATH": os.environ["PATH"]}
    signal.signal(signal.SIGUSR1, fork_and_stay)
    if kind == "child":
        started = Child.start(argv, cwd=Path(directory), env=env, mark=mark, eof_grace=float(grace))
        pid = started.pid
    else:
        process = Process.start(Command(argv, Path(directory), env), mark=mark)
        pid = process.pid
    sys.stdout.write(f"{pid}\n")
    sys.stdout.flush()
    while True:
        signal.pause()


main()
