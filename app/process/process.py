"""One supervised program whose output is read: the worker's side of an Attempt."""

import os
import select
import sys
import threading
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from fcntl import ioctl
from pathlib import Path
from termios import FIONREAD
from types import TracebackType
from typing import Self

from app.process.exit import Exit
from app.process.link import Link, Program, Streams, stdin_file
from app.process.locate import out_of_something, require_writable
from app.process.usage import Usage, usage_below

#: The most one read returns of each stream, and the size of stdout's pipe where the system allows it. (All
#: pipes of a user share a soft limit, usually 64 MiB: 1 MiB each would use it up with 64 programs.)
BATCH = 256 * 1024


@dataclass(frozen=True)
class Command:
    """What to run: argv[0] is found on `env`'s PATH, `stdin` is all it gets to read."""

    argv: tuple[str, ...]
    cwd: Path
    env: Mapping[str, str] = field(repr=False)
    stdin: bytes = field(default=b"", repr=False)
    #: argv is bubblewrap's: it is not asked to end with SIGTERM, which would take all in it at once.
    wrapped: bool = False


@dataclass(frozen=True)
class Output:
    """What was printed since the last read."""

    stdout: bytes = b""
    stderr: bytes = b""

    def __bool__(self) -> bool:
        return bool(self.stdout or self.stderr)


class Process:
    """A running program and its whole tree. Use as a context manager: `close` leaves nothing alive.

    `read` and `close` are for one thread; everything else may be called from any, at any time, and never
    raises because the program is gone.
    """

    def __init__(self, link: Link, stdout: "_Pipe", stderr: "_Pipe", wake: tuple[int, int]) -> None:
        self._link = link
        self._stdout = stdout
        self._stderr = stderr
        self._woken, self._wake = wake
        self._lock = threading.Lock()
        self._closed = False
        self._bounded = False
        #: The main process.
        self.pid = link.pid
        self.mark = link.mark
        #: Set once the main process ended and everything it had printed was read.
        self.exit: Exit | None = None

    @classmethod
    def start(
        cls, command: Command, *, mark: str, umask: int = 0o077, until: float = 0, writes: bool = True
    ) -> Self:
        """Start it. With `until`, a tree not `renew`ed is frozen at that monotonic time even if we are.

        Raise `ProgramMissing`, `ProgramNotExecutable` or `WorkspaceUnusable`, `LeaseLapsed` when it is too
        late already, or plain `StartFailed` when the system is out of something. `writes=False` is for what
        needs no writable working directory.
        """
        if writes:
            require_writable(command.cwd)
        program = Program(
            command.argv, command.cwd, command.env, mark, umask=umask, until=until, wrapped=command.wrapped
        )
        with out_of_something(command.argv[0]), ExitStack() as ours, ExitStack() as theirs:
            stdin = _closing(theirs, stdin_file(command.stdin))
            stdout, stdout_end = _pipe(ours, theirs)
            stderr, stderr_end = _pipe(ours, theirs)
            woken, wake = os.pipe()
            for fd in (woken, wake):
                os.set_blocking(_closing(ours, fd), False)
            _enlarge(stdout)
            link = Link(program, Streams(stdin, stdout_end, stderr_end))
            ours.pop_all()
        return cls(link, _Pipe(stdout), _Pipe(stderr), (woken, wake))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def read(self, timeout: float) -> Output:
        """Wait for output, the main process's end, `wake` or the timeout; return what there is.

        Between reads nothing is taken from the pipes: a program whose output is not wanted now waits.
        """
        if self.exit is not None or self._closed:
            return Output()
        # After the end there is nothing to wait for: what is left is in the pipes already.
        self._poll(0 if self._bounded else timeout)
        if self._link.exit is not None and not self._bounded:
            self._bounded = True
            self._stdout.bound()
            self._stderr.bound()
        output = Output(self._stdout.take(), self._stderr.take())
        if self._bounded and self._stdout.drained and self._stderr.drained:
            self.exit = self._link.exit
        return output

    def wake(self) -> None:
        """Make a `read` that waits, or the next one, return at once."""
        with self._lock:
            if self._closed:
                return
            try:
                os.write(self._wake, b"w")
            except BlockingIOError:  # woken often enough already
                return

    def terminate(self) -> None:
        """SIGTERM to every process of the tree."""
        self._link.send(b"T")

    def kill(self) -> None:
        """SIGKILL to every process of the tree, until none is left."""
        self._link.send(b"K")

    def freeze(self) -> None:
        """SIGSTOP to every process of the tree."""
        self._link.send(b"S")

    def thaw(self) -> None:
        """Let a frozen tree go on."""
        self._link.send(b"C")

    def renew(self, until: float) -> None:
        """The lease given to `start` lasts until then; thaws a tree that was frozen because it ran out."""
        self._link.send(b"%.6fL" % until)

    def usage(self, *, enough: int) -> Usage:
        """Return what the tree uses; only more than `enough` bytes of memory are counted exactly."""
        return usage_below(self._link.supervisor, enough=enough)

    def close(self) -> None:
        """End the tree, wait until it and its supervisor are gone, and give back every descriptor."""
        self._link.close()
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self._stdout.close()
            self._stderr.close()
            os.close(self._woken)
            os.close(self._wake)

    def _poll(self, timeout: float) -> None:
        poll = select.poll()
        for fd in (self._stdout.fd, self._stderr.fd, self._woken, self._link.fileno()):
            if fd >= 0:
                poll.register(fd, select.POLLIN)
        ready = {fd for fd, _ in poll.poll(max(0.0, timeout) * 1000)}
        if self._woken in ready:
            os.read(self._woken, 4096)
        if self._link.fileno() in ready:
            self._link.receive()


class _Pipe:
    """The reading end of stdout or stderr."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        #: How much more to take, once the main process has ended; None while it runs.
        self._left: int | None = None

    def bound(self) -> None:
        """Take only what is in the pipe now: a descendant that prints on must not keep the Attempt alive."""
        if self.fd >= 0:
            self._left = int.from_bytes(ioctl(self.fd, FIONREAD, bytes(4)), sys.byteorder)

    @property
    def drained(self) -> bool:
        return self.fd < 0 or self._left == 0

    def take(self) -> bytes:
        if self.drained:
            return b""
        try:
            data = os.read(self.fd, BATCH if self._left is None else min(BATCH, self._left))
        except BlockingIOError:
            return b""
        if not data:
            self.close()
        elif self._left is not None:
            self._left -= len(data)
        return data

    def close(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


def _closing(stack: ExitStack, fd: int) -> int:
    stack.callback(os.close, fd)
    return fd


def _pipe(ours: ExitStack, theirs: ExitStack) -> tuple[int, int]:
    """Make a pipe whose reading end is ours and does not block."""
    read, write = os.pipe()
    _closing(ours, read)
    _closing(theirs, write)
    os.set_blocking(read, False)
    return read, write


def _enlarge(pipe: int) -> None:
    if sys.platform == "linux":
        import fcntl  # noqa: PLC0415 - the constant is Linux's only

        try:
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, BATCH)
        except OSError:  # the user's pipes are using up the limit: the default will do
            return
