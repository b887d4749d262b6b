"""Real process trees, and eyes that do not depend on what is under test."""

import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from app.process import Command, Process, new_mark
from tests.waiting import wait_until

FOREST = Path(__file__).with_name("forest.py")
ENV = {"PATH": os.environ.get("PATH", os.defpath)}
#: SIGSTOP in the masks of pending signals in /proc.
_STOP_PENDING = 1 << (signal.SIGSTOP - 1)


def state_of(pid: int) -> str:
    """Return the state letter of /proc, "" for a process that is not (or a zombie).

    T is also what waits in the kernel and stops before it does anything else: a shell in vfork whose child
    was stopped before its exec stays D as long as that one stands still.
    """
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    fields = {name: value.split() for name, _, value in (line.partition(":") for line in lines)}
    state = fields["State"][0]
    if state == "D" and int(fields["ShdPnd"][0], 16) & _STOP_PENDING:
        return "T"
    return "" if state in "ZX" else state


class Forest:
    """The processes that one run of forest.py recorded."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def command(self, *shapes: str) -> Command:
        """Return what grows it."""
        argv = (sys.executable, "-ISE", str(FOREST), str(self.directory), *shapes)
        return Command(argv, self.directory, ENV)

    def pids(self) -> list[int]:
        """Return everyone who ever was."""
        return [int(path.name) for path in self.directory.iterdir() if path.name.isdigit()]

    def grown(self, size: int) -> list[int]:
        """Wait until `size` processes have recorded themselves."""
        return wait_until(
            lambda: pids if len(pids := self.pids()) == size else [], message=f"{size} processes"
        )

    def alive(self) -> list[int]:
        """Return who lives."""
        return [pid for pid in self.pids() if state_of(pid)]

    def states(self) -> set[str]:
        """Return the states of those who live."""
        return {state_of(pid) for pid in self.pids()} - {""}


@pytest.fixture
def forest(tmp_path: Path) -> Iterator[Forest]:
    """A place for one tree; whatever a failing test leaves of it is killed."""
    directory = tmp_path / "forest"
    directory.mkdir()
    found = Forest(directory)
    yield found
    for pid in found.alive():
        with contextlib.suppress(OSError):
            os.kill(pid, 9)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Process]]:
    """Start a shell script, or any argv, and close it after the test."""
    started: list[Process] = []

    def start(*argv: str, stdin: bytes = b"", until: float = 0) -> Process:
        command = Command(argv if len(argv) > 1 else ("sh", "-c", argv[0]), tmp_path, ENV, stdin)
        process = Process.start(command, mark=new_mark("test"), until=until)
        started.append(process)
        return process

    yield start
    for process in started:
        process.close()


@pytest.fixture
def drain() -> Callable[[Process], tuple[bytes, bytes]]:
    """Read a process to its end."""

    def drain(process: Process) -> tuple[bytes, bytes]:
        stdout, stderr = bytearray(), bytearray()

        def ended() -> bool:
            output = process.read(1)
            stdout.extend(output.stdout)
            stderr.extend(output.stderr)
            return process.exit is not None

        wait_until(ended, timeout=60, interval=0)
        return bytes(stdout), bytes(stderr)

    return drain


def descriptors() -> set[str]:
    """Return what this process has open; what an earlier test left may be collected, and go, at any time."""
    found = set()
    for fd in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            found.add(f"{fd.name} {fd.readlink()}")
    return {entry for entry in found if "/proc/" not in entry}


#: Children of before the test: servers that many tests share.
_strangers: set[int] = set()


@pytest.fixture(autouse=True)
def strangers() -> None:
    """Note which children are none of the test's."""
    _strangers.clear()
    _strangers.update(child.pid for child in psutil.Process().children())


def children() -> list[int]:
    """Return the children this process got in this test, zombies too."""
    return [child.pid for child in psutil.Process().children() if child.pid not in _strangers]
