"""The starter's end of one supervisor: starts it, commands it, hears what became of the program."""

import errno
import marshal
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import MAGIC_NUMBER
from pathlib import Path

from app.process import supervisor
from app.process.errors import LeaseLapsed, StartFailed, WorkspaceUnusable
from app.process.exit import Exit
from app.process.locate import explain, locate, require_directory
from app.process.mark import MARK_VARIABLE
from app.process.orphans import end_marked

#: Seconds for the program to be started: a supervisor that does not answer in that time is stuck.
START_PATIENCE = 30.0
#: Seconds for a whole tree to end after SIGKILL before it is looked for by its mark.
END_PATIENCE = 5.0


@dataclass(frozen=True)
class Program:
    """What to start, and how the supervisor is to treat it."""

    argv: Sequence[str]
    cwd: Path
    env: Mapping[str, str]
    mark: str
    umask: int | None = None
    #: Seconds between SIGTERM and SIGKILL when the starter dies; 0 kills at once.
    eof_grace: float = 0
    #: When, on the monotonic clock, the supervisor freezes the tree unless that is renewed; 0 never.
    until: float = 0
    #: The main process is bubblewrap, and what matters is inside.
    wrapped: bool = False


@dataclass(frozen=True)
class Streams:
    """The descriptors the program gets; None is the one we have ourselves."""

    stdin: int
    stdout: int | None = None
    stderr: int | None = None


class Link:
    """One supervisor and its program. Commands may come from any thread, `receive` from one at a time."""

    def __init__(self, program: Program, streams: Streams) -> None:
        self.mark = program.mark
        #: The main process.
        self.pid = 0
        #: How the main process ended, once it has.
        self.exit: Exit | None = None
        #: The supervisor is gone.
        self.gone = False
        self._failed: int | None = None
        self._lapsed = False
        self._ended = False
        self._rest = b""
        self._lock = threading.RLock()  # a signal handler may interrupt `send` to `send`
        self._closed = False
        path = locate(program.argv[0], program.env, program.cwd)
        self._socket, theirs = socket.socketpair()
        try:
            self._supervisor = _spawn(program, path, theirs.fileno(), streams)
        except BaseException:
            self._socket.close()
            raise
        finally:
            theirs.close()
        self._socket.setblocking(False)
        try:
            self._await_start(program, path)
        except BaseException:
            self.close()
            raise

    def fileno(self) -> int:
        """Return what becomes readable when there is something to `receive`."""
        return self._socket.fileno()

    @property
    def supervisor(self) -> int:
        """The supervisor's own process: all below it is the tree."""
        return self._supervisor.pid

    def send(self, command: bytes) -> None:
        """Give a command, if there still is somebody to obey."""
        with self._lock:
            if self._closed:
                return
            # Whoever stopped it cannot have meant it: a stopped supervisor guards nothing.
            self._supervisor.send_signal(signal.SIGCONT)
            try:
                self._socket.send(command)
            except BlockingIOError:  # it stands still, and has more to obey already than it can take
                return
            except OSError:
                # It is gone. `receive` finds that out too, but whoever reads may wait for a database now, and
                # what has lost its supervisor would neither freeze nor end meanwhile.
                end_marked(self.mark)

    def receive(self) -> None:
        """Take in what the supervisor reported, without waiting."""
        while not self.gone:
            try:
                data = self._socket.recv(4096)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                self._lose()
                return
            *lines, self._rest = (self._rest + data).split(b"\n")
            for line in lines:
                self._hear(line.decode())

    def wait(self, timeout: float) -> None:
        """Wait until there is something to `receive`, and do."""
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        poll.poll(max(0.0, timeout) * 1000)
        self.receive()

    def close(self) -> None:
        """Kill the tree and wait until nothing of it and no supervisor is left. Idempotent."""
        self.send(b"K")
        with self._lock:
            if self._closed:
                return
            self._closed = True
        self._wait_gone(END_PATIENCE)
        if not self.gone:  # stopped by somebody, or its tree cannot die: take what can be taken
            end_marked(self.mark)
            self._wait_gone(1)
        self._socket.close()
        try:
            self._supervisor.wait(timeout=1)
        except subprocess.TimeoutExpired:
            return  # a process stuck in the kernel: the supervisor stays until that one goes

    def _wait_gone(self, patience: float) -> None:
        deadline = time.monotonic() + patience
        while not self.gone and time.monotonic() < deadline:
            self.wait(deadline - time.monotonic())

    def _await_start(self, program: Program, path: str) -> None:
        deadline = time.monotonic() + START_PATIENCE
        while not (self.pid or self.gone or self._failed or self._lapsed) and time.monotonic() < deadline:
            self.wait(deadline - time.monotonic())
        if self.pid:
            return
        if self._failed:
            raise explain(self._failed, program.argv[0], path)
        if self._lapsed:
            raise LeaseLapsed(cli=program.argv[0])
        raise StartFailed(cli=program.argv[0], detail="its supervisor did not start it")

    def _hear(self, line: str) -> None:
        word, _, number = line.partition(" ")
        if word == "started":
            self.pid = int(number)
        elif word == "failed":
            self._failed = int(number)
        elif word == "lapsed":
            self._lapsed = True
        elif word == "exit":
            self.exit = Exit(code=int(number))
        elif word == "signal":
            self.exit = Exit(signal=int(number))
        elif word == "ended":
            self._ended = True

    def _lose(self) -> None:
        """The supervisor is gone: after its work, or because somebody killed it."""
        self.gone = True
        if not (self._ended or self._failed or self._lapsed):
            end_marked(self.mark)
            self.exit = self.exit or Exit(signal=9, supervisor_lost=True)


def stdin_file(data: bytes) -> int:
    """Return a new descriptor to read `data` from: a file, so nothing fills up and its end is its end."""
    if not data:
        return os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    if sys.platform == "linux":
        fd = os.memfd_create("stdin")
    else:
        with tempfile.TemporaryFile() as file:
            fd = os.dup(file.fileno())
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(fd, rest) :]
        os.lseek(fd, 0, os.SEEK_SET)
    except BaseException:
        os.close(fd)
        raise
    return fd


def _spawn(program: Program, path: str, control: int, streams: Streams) -> "subprocess.Popen[bytes]":
    require_directory(program.cwd)
    try:
        return subprocess.Popen(
            [*_supervisor_argv(program, control), "--", path, *program.argv[1:]],
            cwd=str(program.cwd),
            env={**program.env, MARK_VARIABLE: program.mark},
            stdin=streams.stdin,
            stdout=streams.stdout,
            stderr=streams.stderr,
            pass_fds=(control,) if supervisor_code() is None else (control, supervisor_code() or 0),
            start_new_session=True,
        )
    except ValueError as error:
        raise explain(errno.EINVAL, program.argv[0], path, str(error)) from error
    except OSError as error:
        if error.filename == str(program.cwd):  # gone since we looked
            raise WorkspaceUnusable(detail=f"{program.cwd}: {error.strerror}") from error
        raise explain(error.errno or errno.EINVAL, program.argv[0], path, str(error)) from error


def _supervisor_argv(program: Program, control: int) -> list[str]:
    options = [f"--control={control}", f"--parent={os.getpid()}", f"--mark={program.mark}"]
    if program.umask is not None:
        options.append(f"--umask={program.umask:o}")
    if program.eof_grace:
        options.append(f"--eof-grace={program.eof_grace}")
    if program.wrapped:
        options.append("--wrapped=")
    if program.until:
        options.append(f"--until={program.until:.6f}")
    if "LC_CTYPE" not in program.env:
        options.append("--no-lc-ctype=")
    code = supervisor_code()
    if code is None:
        return [sys.executable, "-I", "-S", "-E", supervisor.__file__, *options]
    return [sys.executable, "-I", "-S", "-E", f"/proc/self/fd/{code}", *options, f"--code={code}"]


@cache
def supervisor_code() -> int | None:
    """Return a descriptor of the compiled supervisor, made once; None where it runs from its source file.

    Compiling it anew would cost each start 4 ms, and a file on disk may be another version's by now (a deploy
    into the same directory): the supervisor speaks to exactly the code that runs here.
    """
    if sys.platform != "linux" or not Path("/proc/self/fd").exists():
        return None
    source = Path(supervisor.__file__)
    code = compile(source.read_bytes(), str(source), "exec", dont_inherit=True)
    fd = os.memfd_create("supervisor")
    os.write(fd, MAGIC_NUMBER + bytes(12) + marshal.dumps(code))
    return fd
