"""A program's output, its end and its tree, with real processes."""

import hashlib
import os
import resource
import signal
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from fcntl import F_GETPIPE_SZ, fcntl, ioctl
from pathlib import Path
from termios import FIONREAD

import pytest

from app.process import (
    Command,
    Exit,
    LeaseLapsed,
    Process,
    ProgramMissing,
    ProgramNotExecutable,
    StartFailed,
    WorkspaceUnusable,
    new_mark,
    run,
)
from app.process.link import supervisor_code
from tests.integration.process.conftest import ENV, Forest, children, descriptors, state_of
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


def test_the_environment_is_what_was_given(start: Start, drain: Drain) -> None:
    """Nothing but the given variables and the mark: not even what Python adds for itself."""
    process = start("env")
    stdout, _ = drain(process)

    names = {line.split("=")[0] for line in stdout.decode().splitlines()} - {"_", "PWD", "SHLVL", "OLDPWD"}
    assert names == {"PATH", "ERRAND_MARK"}
    assert f"ERRAND_MARK={process.mark}\n" in stdout.decode()


def test_the_program_gets_nothing_of_ours(start: Start, drain: Drain) -> None:
    """It has three descriptors, default signals, a private umask, and leads a session of its own."""
    signals = "grep -E 'Sig(Ign|Blk)' /proc/self/status"
    stdout, _ = drain(start(f"ls /proc/self/fd | wc -l; {signals}; umask; cut -d' ' -f1,6 /proc/$$/stat"))

    count, *masks, umask, ids = stdout.decode().splitlines()
    assert int(count) == 4, "0, 1, 2, and the directory that ls reads"
    of_libc = 0b11 << 31  # two signals of its own, which glibc ignores in whatever it spawns
    assert {int(line.split()[1], 16) & ~of_libc for line in masks} == {0}
    assert umask == "0077"
    assert len(set(ids.split())) == 1


def test_whatever_bytes_an_argument_has(start: Start, drain: Drain) -> None:
    """Arguments and variables pass the supervisor unchanged, also those that are no UTF-8."""
    argument = b"\xff\xc3\xa4 \n--".decode(errors="surrogateescape")

    stdout, _ = drain(start("sh", "-c", 'printf %s "$1"', "--", argument))

    assert stdout == argument.encode(errors="surrogateescape")


def test_a_missing_program(tmp_path: Path) -> None:
    """What is not on the PATH is said with its reason and what to do."""
    with pytest.raises(ProgramMissing, match="no-such-cli was not found") as caught:
        Process.start(Command(("no-such-cli",), tmp_path, ENV), mark=new_mark("test"))
    assert caught.value.code == "cli_missing"


@pytest.mark.parametrize(
    ("content", "mode", "detail"),
    [
        ("#!/bin/sh\n", 0o644, "permission denied"),
        ("#!/no/such/interpreter\n", 0o755, "interpreter"),
        ("\x7fELF nonsense", 0o755, "format"),
    ],
)
def test_a_program_that_cannot_be_executed(tmp_path: Path, content: str, mode: int, detail: str) -> None:
    """A file that the system does not run is told apart from a missing one, with the system's reason."""
    (tmp_path / "cli").write_text(content)
    (tmp_path / "cli").chmod(mode)

    with pytest.raises(ProgramNotExecutable, match=detail) as caught:
        Process.start(Command(("cli",), tmp_path, {"PATH": str(tmp_path)}), mark=new_mark("test"))
    assert caught.value.code == "cli_not_executable"


@pytest.mark.parametrize("argv", [("true", "nul\0byte"), ("true", "x" * 3_000_000)], ids=["nul", "too long"])
def test_arguments_the_system_refuses(tmp_path: Path, argv: tuple[str, ...]) -> None:
    """An impossible argument is an error of ours, not an OSError from below, and leaks nothing."""
    before = descriptors()
    with pytest.raises(ProgramNotExecutable):
        Process.start(Command(argv, tmp_path, ENV), mark=new_mark("test"))
    assert not descriptors() - before


def test_no_descriptor_left(tmp_path: Path) -> None:
    """Out of descriptors at any point of the start: a typed error, and all that was taken is back."""
    supervisor_code()  # made once for the process
    before = descriptors()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    first_free = os.dup(0)
    os.close(first_free)
    try:
        for more in range(8):
            resource.setrlimit(resource.RLIMIT_NOFILE, (first_free + more, hard))
            with pytest.raises(StartFailed, match="open files"):
                Process.start(Command(("true",), tmp_path, ENV, b"prompt"), mark=new_mark("test"))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    assert not descriptors() - before


def test_an_unusable_workspace(tmp_path: Path) -> None:
    """A working directory that is missing or a file is refused with its reason."""
    (tmp_path / "file").touch()
    for path in (tmp_path / "gone", tmp_path / "file", Path("/proc/self/nul\0")):
        with pytest.raises(WorkspaceUnusable) as caught:
            Process.start(Command(("true",), path, ENV), mark=new_mark("test"))
        assert caught.value.code == "workspace_unusable"


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
    process = start("exec >&- 2>&-; sleep 0.3; exit 5")
    before = time.process_time()

    drain(process)

    assert process.exit == Exit(code=5)
    assert time.process_time() - before < 0.2


def test_terminate_reaches_the_whole_tree(forest: Forest) -> None:
    """SIGTERM goes to every process, in other sessions and daemonised ones too."""
    command = forest.command("child", "session", "daemon", "stranger")
    with Process.start(command, mark=new_mark("test")) as process:
        forest.grown(5)

        process.terminate()

        wait_until(lambda: not forest.alive())
        wait_until(lambda: process.read(1) or process.exit)
        assert process.exit == Exit(signal=signal.SIGTERM)


def test_kill_ends_a_tree_that_ignores_sigterm(forest: Forest) -> None:
    """What ignores SIGTERM dies of kill: children, sessions, daemons, and those without the mark."""
    with Process.start(forest.command(), mark=new_mark("test")) as process:
        everybody = forest.grown(5)
        process.terminate()
        assert not process.read(0.1)
        assert sorted(forest.alive()) == sorted(everybody)

        process.kill()

        wait_until(lambda: process.read(1) or process.exit)
        assert process.exit == Exit(signal=signal.SIGKILL)
        wait_until(lambda: not forest.alive())


def test_close_leaves_nothing(forest: Forest) -> None:
    """When close returns, the whole tree and its supervisor are gone; a second close does nothing."""
    process = Process.start(forest.command(), mark=new_mark("test"))
    forest.grown(5)

    process.close()

    assert forest.alive() == []
    assert children() == []
    process.close()


def test_after_close_everything_is_a_no_op(start: Start) -> None:
    """Commands that come late, from other threads, neither raise nor reach anybody."""
    process = start("sleep 60")
    process.close()

    for name in ("terminate", "kill", "freeze", "thaw", "wake"):
        getattr(process, name)()
    process.renew(time.monotonic() + 1)
    assert not process.read(0)


def test_nobody_outruns_the_end(forest: Forest) -> None:
    """Processes that fork, leave the session and exit, over and over, are caught."""
    process = Process.start(forest.command("runner"), mark=new_mark("test"))
    forest.grown(1)
    generation = forest.directory / "generation"
    wait_until(generation.exists)

    process.close()

    last = generation.read_text()
    assert children() == []
    assert not state_of(int(last or 0))
    assert generation.read_text() == last


def test_freeze_stops_all_and_thaw_resumes(forest: Forest) -> None:
    """Every process of the tree is stopped, and runs again after thaw."""
    with Process.start(forest.command(), mark=new_mark("test")) as process:
        forest.grown(5)

        process.freeze()
        wait_until(lambda: forest.states() == {"T"})

        process.thaw()
        wait_until(lambda: forest.states() == {"S"})
        assert len(forest.alive()) == 5


def test_a_frozen_tree_can_be_killed(forest: Forest) -> None:
    """Frozen or not, close ends it."""
    process = Process.start(forest.command(), mark=new_mark("test"))
    forest.grown(5)
    process.freeze()
    wait_until(lambda: forest.states() == {"T"})

    process.close()

    assert forest.alive() == []


def test_a_lease_that_is_not_renewed_freezes(forest: Forest) -> None:
    """Without renewals the supervisor freezes the tree by itself; the next renewal thaws it."""
    with Process.start(forest.command(), mark=new_mark("test"), until=time.monotonic() + 2) as process:
        forest.grown(5)
        wait_until(lambda: forest.states() == {"T"})

        process.renew(time.monotonic() + 0.4)
        wait_until(lambda: forest.states() == {"S"})

        wait_until(lambda: forest.states() == {"T"})
        process.renew(time.monotonic() - 0.1)
        process.read(0.2)
        assert forest.states() == {"T"}, "a renewal that comes too late renews nothing"

        process.freeze()
        process.renew(time.monotonic() + 5)
        process.read(0.2)
        assert forest.states() == {"T"}, "frozen on purpose stays frozen"


def test_nothing_starts_under_a_lease_that_has_run_out(forest: Forest) -> None:
    """Who stood still between the claim and the start starts nothing."""
    with pytest.raises(LeaseLapsed):
        Process.start(forest.command(), mark=new_mark("test"), until=time.monotonic() - 0.01)

    assert forest.alive() == []


def test_a_killed_supervisor_is_noticed(forest: Forest) -> None:
    """When somebody kills the supervisor, what bears the mark or is below it ends; the exit says so."""
    shapes = ("deaf", "child", "session", "daemon")
    with Process.start(forest.command(*shapes), mark=new_mark("test")) as process:
        forest.grown(4)

        os.kill(process._link._supervisor.pid, signal.SIGKILL)
        wait_until(lambda: process.read(1) or process.exit)

        assert process.exit == Exit(signal=9, supervisor_lost=True)
        assert forest.alive() == []


def test_a_stopped_supervisor_still_obeys(forest: Forest) -> None:
    """A supervisor that somebody stopped goes on with the next command."""
    process = Process.start(forest.command(), mark=new_mark("test"))
    forest.grown(5)
    os.kill(process._link._supervisor.pid, signal.SIGSTOP)
    began = time.monotonic()

    process.close()

    assert forest.alive() == []
    assert time.monotonic() - began < 3


def test_starts_from_many_threads_leak_nothing(tmp_path: Path, drain: Drain) -> None:
    """100 starts from 20 threads: each gets its own output; no descriptor, zombie or thread is left."""
    supervisor_code()  # made once for the process
    before, threads = descriptors(), set(threading.enumerate())

    def one(number: int) -> bytes:
        command = Command(("sh", "-c", "cat; setsid sleep 1000 &"), tmp_path, ENV, str(number).encode())
        with Process.start(command, mark=new_mark("test", number)) as process:
            return drain(process)[0]

    with ThreadPoolExecutor(20) as pool:
        outputs = list(pool.map(one, range(100)))

    assert outputs == [str(number).encode() for number in range(100)]
    assert not descriptors() - before
    assert children() == []
    assert not set(threading.enumerate()) - threads


def test_run_returns_what_was_printed() -> None:
    """A probe's streams and exit come back; input is given."""
    completed = run(["sh", "-c", "cat; echo error >&2; exit 2"], timeout=10, env=ENV, stdin=b"in")

    assert (completed.stdout, completed.stderr, completed.exit) == (b"in", b"error\n", Exit(code=2))
    assert not completed.ok
    assert not completed.truncated
    assert run(["true"], timeout=10, env=ENV).ok


def test_run_ends_what_takes_too_long(forest: Forest) -> None:
    """A probe that ignores everything is ended with its tree in time, and what it printed is kept."""
    command = forest.command()
    began = time.monotonic()

    completed = run(["sh", "-c", 'echo begun; exec "$@"', "--", *command.argv], timeout=1, env=ENV)

    assert completed.exit is None
    assert completed.stdout == b"begun\n"
    assert forest.alive() == []
    assert time.monotonic() - began < 5


def test_run_caps_what_it_keeps() -> None:
    """An endless printer costs no memory; a long one still ends with its own code."""
    endless = run(["yes"], timeout=0.3, env=ENV, max_bytes=1000)
    long = run(["sh", "-c", "head -c 1000000 /dev/zero; exit 7"], timeout=10, env=ENV, max_bytes=1000)

    assert len(endless.stdout) == 1000
    assert endless.truncated
    assert (len(long.stdout), long.truncated, long.exit) == (1000, True, Exit(code=7))
