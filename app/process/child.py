"""A long-lived program of our own, for `bin/up`: it prints where we print, and does not outlive us."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from app.process.exit import Exit
from app.process.link import Link, Program, Streams, stdin_file
from app.process.locate import out_of_something


class Child:
    """A server process, in a session of its own: a terminal's Ctrl-C reaches us, not it.

    One thread polls and closes; `terminate` and `kill` may come from any, also from a signal handler's.
    """

    def __init__(self, link: Link) -> None:
        self._link = link
        self._exit: Exit | None = None
        #: The main process.
        self.pid = link.pid
        self.mark = link.mark

    @classmethod
    def start(
        cls,
        argv: Sequence[str],
        *,
        cwd: Path,
        env: Mapping[str, str],
        mark: str,
        eof_grace: float,
        stdin: bytes = b"",
        stdout: int | None = None,
        stderr: int | None = None,
    ) -> Self:
        """Start it; raises what `Process.start` raises.

        Should we die in any way, it gets SIGTERM and after `eof_grace` seconds its whole tree SIGKILL.
        `stdout` and `stderr` are descriptors; ours are inherited without them.
        """
        program = Program(argv, cwd, env, mark, eof_grace=eof_grace)
        with out_of_something(argv[0]):
            source = stdin_file(stdin)
            try:
                return cls(Link(program, Streams(source, stdout, stderr)))
            finally:
                os.close(source)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def fileno(self) -> int:
        """Return what becomes readable when `poll` has news, for a selector over many children."""
        return self._link.fileno()

    def poll(self) -> Exit | None:
        """Return how the main process ended, None while it runs; `close` ends what it left behind."""
        if self._exit is None:
            self._link.receive()
            self._exit = self._link.exit
        return self._exit

    def wait(self, timeout: float) -> Exit | None:
        """Wait until the main process ended, at most `timeout` seconds."""
        if self.poll() is None:
            self._link.wait(timeout)
        return self.poll()

    def terminate(self) -> None:
        """SIGTERM to the main process only: how its own children end is its business."""
        self._link.send(b"t")

    def kill(self) -> None:
        """SIGKILL to the whole tree."""
        self._link.send(b"K")

    def close(self) -> None:
        """End the whole tree at once and wait until it is gone. Idempotent."""
        self._link.close()
        self._exit = self._exit or self._link.exit
