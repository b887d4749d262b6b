"""A program's whole tree is terminated, killed, frozen and thawed, whatever it does to get away."""

import os
import signal
import time
from collections.abc import Callable

from app.process import Exit, Process, new_mark
from tests.integration.process.conftest import (
    Forest,
    children,
    state_of,
)
from tests.waiting import wait_until

Start = Callable[..., Process]


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
    assert time.monotonic() - began < 10
