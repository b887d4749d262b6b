"""What a program is started with, and what cannot be started: a typed reason, and nothing is left open."""

import os
import resource
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app.process import (
    Command,
    LeaseLapsed,
    Process,
    ProgramMissing,
    ProgramNotExecutable,
    StartFailed,
    WorkspaceUnusable,
    new_mark,
)
from app.process.link import supervisor_code
from tests.integration.process.conftest import ENV, Forest, children, descriptors

Start = Callable[..., Process]
Drain = Callable[[Process], tuple[bytes, bytes]]


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


def test_nothing_starts_under_a_lease_that_has_run_out(forest: Forest) -> None:
    """Who stood still between the claim and the start starts nothing."""
    with pytest.raises(LeaseLapsed):
        Process.start(forest.command(), mark=new_mark("test"), until=time.monotonic() - 0.01)

    assert forest.alive() == []


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
