"""Nothing is left alive when the worker dies in any way, nor when its supervisors die with it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from app.process import MARK_VARIABLE, Child, Exit, Process, end_marked, installation, new_mark, sweep
from tests.integration.process.conftest import ENV, Forest, state_of
from tests.waiting import wait_until

WORKER = Path(__file__).with_name("worker.py")
ROOT = Path(__file__).parents[3]
Worker = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def worker(forest: Forest) -> Iterator[Worker]:
    """Start a process that stands for a worker, with one tree below it."""
    workers: list[subprocess.Popen[str]] = []

    def start(mark: str, *shapes: str, kind: str = "process", grace: float = 0) -> "subprocess.Popen[str]":
        options = [kind, mark, str(forest.directory), str(grace)]
        found = subprocess.Popen(
            [sys.executable, str(WORKER), *options, "--", *forest.command(*shapes).argv],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        workers.append(found)
        assert found.stdout
        assert found.stdout.readline()
        return found

    yield start
    for found in workers:
        found.kill()
        found.wait()
        assert found.stdout
        found.stdout.close()


def supervisor_of(pid: int, mark: str) -> psutil.Process:
    """Return the supervisor that bears the mark below `pid`."""
    children = psutil.Process(pid).children()
    [found] = [child for child in children if child.environ().get(MARK_VARIABLE) == mark]
    return found


@pytest.mark.parametrize("run", range(5))
def test_a_killed_worker_leaves_nothing(worker: Worker, forest: Forest, run: int) -> None:
    """SIGKILL of the worker: soon no process of its tree is alive, whatever it did to leave."""
    mark = new_mark("test", run)
    started = worker(mark)
    forest.grown(5)
    supervisor = supervisor_of(started.pid, mark)

    started.kill()

    wait_until(lambda: not forest.alive(), timeout=10)
    wait_until(lambda: not state_of(supervisor.pid), timeout=10)


def test_a_fork_of_the_worker_keeps_nothing_alive(worker: Worker, forest: Forest) -> None:
    """A fork that inherited the worker's descriptors does not make its death go unnoticed."""
    started = worker(new_mark("test"))
    forest.grown(5)
    started.send_signal(signal.SIGUSR1)
    fork = forest.directory / "fork"
    wait_until(lambda: fork.exists() and fork.read_text())

    started.kill()
    started.wait()

    wait_until(lambda: not forest.alive(), timeout=10)
    os.kill(int(fork.read_text()), signal.SIGKILL)


def test_sweep_ends_trees_without_a_supervisor(worker: Worker, forest: Forest, tmp_path: Path) -> None:
    """Worker and supervisor killed: the next worker's sweep finds the tree by its mark and counts it."""
    prefix = installation(tmp_path)
    mark = new_mark(prefix, "task", 1)
    started = worker(mark, "deaf", "child", "session", "daemon")
    forest.grown(4)
    supervisor = supervisor_of(started.pid, mark)
    supervisor.suspend()  # else it would do its work first
    started.kill()
    started.wait()
    supervisor.kill()
    wait_until(lambda: not state_of(supervisor.pid))
    assert len(forest.alive()) == 4

    assert sweep(prefix) == 4

    wait_until(lambda: not forest.alive())
    assert sweep(prefix) == 0


def test_sweep_ends_what_is_stopped_and_orphaned(worker: Worker, forest: Forest, tmp_path: Path) -> None:
    """A supervisor that was stopped before its worker died cannot act; the sweep does it for it."""
    prefix = installation(tmp_path)
    mark = new_mark(prefix, "task", 1)
    started = worker(mark)
    forest.grown(5)
    supervisor = supervisor_of(started.pid, mark)
    supervisor.suspend()
    wait_until(lambda: supervisor.status() == psutil.STATUS_STOPPED)
    started.kill()
    started.wait()

    assert sweep(prefix) == 6

    wait_until(lambda: not forest.alive())


def test_sweep_spares_what_is_supervised(worker: Worker, forest: Forest, tmp_path: Path) -> None:
    """Trees of a living worker of the same installation are left alone, its stopped supervisors too."""
    prefix = installation(tmp_path)
    mark = new_mark(prefix, "task", 1)
    started = worker(mark)
    forest.grown(5)

    assert sweep(prefix) == 0
    supervisor = supervisor_of(started.pid, mark)
    supervisor.suspend()
    assert sweep(prefix) == 0
    assert len(forest.alive()) == 5
    supervisor.resume()


def test_sweep_spares_other_installations(forest: Forest, tmp_path: Path) -> None:
    """Two installations on one machine do not end each other's processes, supervised or not."""
    theirs = installation(tmp_path / "theirs")
    mark = new_mark(theirs, "task", 1)
    stray = subprocess.Popen(forest.command("child").argv, env={**ENV, MARK_VARIABLE: mark})
    forest.grown(2)

    assert sweep(installation(tmp_path / "ours")) == 0
    assert len(forest.alive()) == 2

    assert sweep(theirs) == 2
    assert stray.wait(5) == -signal.SIGKILL


def test_end_marked_takes_one_tree_only(forest: Forest, start: Callable[..., Process]) -> None:
    """Only the processes with exactly this mark, and those below them, end."""
    other = start("sleep 60")
    mark = new_mark("test")
    stray = subprocess.Popen(forest.command("child").argv, env={**ENV, MARK_VARIABLE: mark})
    forest.grown(2)

    assert end_marked(mark) == 2

    stray.wait(5)
    assert state_of(other.pid)


def test_a_child_inherits_our_streams(tmp_path: Path) -> None:
    """A child prints where it is told to, and its exit is polled."""
    with (tmp_path / "out").open("wb") as out:
        argv, to = ["sh", "-c", "echo hello; echo error >&2; exit 3"], out.fileno()
        with Child.start(
            argv, cwd=tmp_path, env=ENV, mark=new_mark("test"), eof_grace=1, stdout=to, stderr=to
        ) as child:
            assert wait_until(lambda: child.wait(5)) == Exit(code=3)
            assert child.poll() == Exit(code=3)

    assert (tmp_path / "out").read_text() == "hello\nerror\n"


def test_terminate_of_a_child_is_for_its_main_process(forest: Forest) -> None:
    """SIGTERM reaches the server, which ends its own as it likes; close ends the rest at once."""
    argv = forest.command("child", "daemon").argv
    with Child.start(argv, cwd=forest.directory, env=ENV, mark=new_mark("test"), eof_grace=5) as child:
        forest.grown(3)
        assert os.getsid(child.pid) == child.pid
        assert child.poll() is None

        child.terminate()

        assert wait_until(lambda: child.wait(5)) == Exit(signal=signal.SIGTERM)
        assert len(forest.alive()) == 2
    assert forest.alive() == []


def test_kill_of_a_child_takes_its_tree(forest: Forest) -> None:
    """SIGKILL reaches everything."""
    argv = forest.command().argv
    with Child.start(argv, cwd=forest.directory, env=ENV, mark=new_mark("test"), eof_grace=5) as child:
        forest.grown(5)

        child.kill()

        assert wait_until(lambda: child.wait(5)) == Exit(signal=signal.SIGKILL)
        wait_until(lambda: not forest.alive())


def test_children_get_a_grace_when_we_die(worker: Worker, forest: Forest) -> None:
    """bin/up dies: SIGTERM to each child's main process, SIGKILL to all when that was not enough in time."""
    started = worker(new_mark("test"), kind="child", grace=0.5)
    forest.grown(5)
    began = time.monotonic()

    started.kill()

    wait_until(lambda: not forest.alive(), timeout=15)
    assert time.monotonic() - began >= 0.5


def test_the_grace_ends_with_the_main_process(worker: Worker, forest: Forest) -> None:
    """A child that obeys SIGTERM is not waited for any longer, and what it leaves behind is ended."""
    started = worker(new_mark("test"), "child", "daemon", kind="child", grace=30)
    forest.grown(3)

    started.kill()

    wait_until(lambda: not forest.alive(), timeout=15)
