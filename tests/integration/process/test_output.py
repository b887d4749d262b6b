"""What a program prints arrives whole, and how it ended is told exactly."""

import hashlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from fcntl import F_GETPIPE_SZ, fcntl, ioctl
from termios import FIONREAD

import pytest

from app.process import Exit, Process
from tests.integration.process.conftest import (
    state_of,
)
from tests.waiting import wait_until

Start = Callable[..., Process]
Drain = Callable[[Process], tuple[bytes, bytes]]


def test_output_is_byte_exact(start: Start, drain: Drain) -> None:
    """What is printed arrives byte for byte, on the stream it was printed to, however much it is."""
    script = "import os; [os.write(1, bytes(range(256)) * 1000) for _ in range(40)]"
    process = start(sys.executable, "-ISE", "-c", f"{script}; os.write(2, b'\\x00\\xff')")

    stdout, stderr = drain(process)

    assert stdout == bytes(range(256)) * 40_000
    assert stderr == b"\x00\xff"
    assert process.exit == Exit(code=0)


def test_a_read_is_bounded(start: Start) -> None:
    """No single read returns more than 256 KiB of a stream."""
    process = start("head -c 3000000 /dev/zero")
    sizes = []

    def ended() -> bool:
        sizes.append(len(process.read(1).stdout))
        return process.exit is not None

    wait_until(ended, interval=0)

    assert sum(sizes) == 3_000_000
    assert max(sizes) <= 256 * 1024


def test_a_megabyte_of_stdin_then_end(start: Start, drain: Drain) -> None:
    """The prompt reaches the program whole and ends by itself, though the program first prints a lot."""
    prompt = os.urandom(1024 * 1024)

    stdout, _ = drain(start("head -c 1000000 /dev/zero; sha256sum", stdin=prompt))

    assert stdout[1_000_000:].split()[0].decode() == hashlib.sha256(prompt).hexdigest()


def test_no_stdin_is_an_end_at_once(start: Start, drain: Drain) -> None:
    """A program that reads without being given anything sees the end."""
    assert drain(start("cat; echo done")) == (b"done\n", b"")


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("exit 0", Exit(code=0)),
        ("exit 3", Exit(code=3)),
        ("exit 255", Exit(code=255)),
        ("kill -TERM $$", Exit(signal=signal.SIGTERM)),
        ("kill -KILL $$", Exit(signal=signal.SIGKILL)),
    ],
)
def test_exit_codes_and_signals(start: Start, drain: Drain, script: str, expected: Exit) -> None:
    """How the main process ended is told exactly."""
    process = start(script)
    drain(process)

    assert process.exit == expected


def test_wake_ends_a_waiting_read(start: Start) -> None:
    """Another thread can have a read return at once, and one that has not begun yet."""
    process = start("sleep 60")
    process.wake()
    began = time.monotonic()
    assert not process.read(30)

    threading.Timer(0.05, process.wake).start()
    assert not process.read(30)
    assert time.monotonic() - began < 5


def test_the_timeout_of_a_read(start: Start) -> None:
    """A read of a silent program returns when the time is up, with nothing, and the program runs on."""
    process = start("sleep 60")

    assert not process.read(0.05)
    assert process.exit is None
    assert state_of(process.pid)


def test_back_pressure(start: Start, drain: Drain) -> None:
    """What is not read stays with the program, which waits at a full pipe and loses nothing."""
    process = start("head -c 5000000 /dev/zero; echo end >&2")
    pipe = process._stdout.fd

    wait_until(
        lambda: ioctl(pipe, FIONREAD, bytes(4)) == fcntl(pipe, F_GETPIPE_SZ).to_bytes(4, sys.byteorder)
    )
    assert process.exit is None
    stdout, stderr = drain(process)

    assert len(stdout) == 5_000_000
    assert stderr == b"end\n"


def test_a_flood_on_stderr(start: Start, drain: Drain) -> None:
    """100 MB of stderr do not block the program or us, and stdout still comes through."""
    process = start("head -c 100000000 /dev/zero >&2; echo done")

    stdout, stderr = drain(process)

    assert stdout == b"done\n"
    assert len(stderr) == 100_000_000


def test_a_daemon_that_holds_the_pipe(start: Start, drain: Drain) -> None:
    """The Attempt ends with its main process: a descendant with stdout open does not hold it, and ends."""
    process = start("setsid sleep 1000 & echo $!; exit 4")

    stdout, _ = drain(process)
    process.close()

    assert process.exit == Exit(code=4)
    assert not state_of(int(stdout))


def test_a_descendant_that_prints_for_ever(start: Start, drain: Drain) -> None:
    """A descendant that goes on printing cannot draw the end out; what the main process printed is there."""
    process = start("yes & echo first; exit 0")

    stdout, _ = drain(process)

    assert b"first\n" in stdout
    assert process.exit == Exit(code=0)


def test_everything_printed_before_the_end_is_read(start: Start, drain: Drain) -> None:
    """A full pipe at the moment of the end loses nothing."""
    for _ in range(10):
        stdout, _ = drain(start("head -c 200000 /dev/zero"))
        assert len(stdout) == 200_000


def test_closed_streams_are_no_end(start: Start, drain: Drain) -> None:
    """A program that closes its stdout and stderr still runs until it exits, and we wait without spinning."""
    process = start("exec >&- 2>&-; sleep 1; exit 5")
    before = time.process_time()

    drain(process)

    assert process.exit == Exit(code=5)
    assert time.process_time() - before < 0.5
