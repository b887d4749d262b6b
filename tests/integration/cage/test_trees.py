"""Whatever a CLI starts, at any level: frozen, thawed and ended with it, and nothing survives."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from app.db import tasks
from app.domain.reason import Reason
from app.domain.sandbox import Level
from app.domain.task import TaskId, TaskState
from app.process import new_mark
from app.runner.cage import Cage
from app.settings import Settings
from tests.integration.cage.conftest import USER, Yard, tree_of
from tests.integration.process.conftest import state_of
from tests.waiting import wait_until

ROOT = Path(__file__).parents[3]
WORKER = Path(__file__).with_name("worker.py")
#: Tries everything to be alive afterwards: ignores SIGTERM, leaves its session, its parent, and its group.
_STAYS = """
trap '' TERM HUP INT
setsid sh -c 'trap "" TERM; sleep 300' &
(setsid sh -c 'trap "" TERM; sleep 300 & wait' &)
sh -c '(sh -c "(sleep 300 &)" &)'
echo ready
while :; do sleep 300; done
"""
_LEVELS = list(Level)


def _has(yard: Yard, level: Level) -> bool:
    """Whether this machine has the level; what happens without is for test_hostile.py to say."""
    return yard.missing(level) is None


@pytest.mark.parametrize("level", _LEVELS, ids=lambda level: level.label)
def test_a_cancel_leaves_nothing(yard: Yard, level: Level) -> None:
    """RUN-16: SIGTERM ignored, new sessions, double forks: 0 survivors, and at once."""
    if not _has(yard, level):
        return
    task = yard.at(level, _STAYS)
    run = yard.start(task)
    wait_until(lambda: b"ready" in yard.output(task) and len(tree_of(task.id)) >= 4)

    yard.db.write(tasks.cancel, task.id)
    run.result(timeout=10)

    assert tree_of(task.id) == []
    assert yard.task(task.id).state is TaskState.CANCELLED


@pytest.mark.parametrize("level", _LEVELS, ids=lambda level: level.label)
def test_its_last_words_are_heard(yard: Yard, level: Level) -> None:
    """RUN-15: at a timeout the CLI itself gets SIGTERM and may say goodbye, in the cage too."""
    if not _has(yard, level):
        return
    yard.limit(task_timeout=1.0)

    # The sleep must outlive the SIGTERM: a dash whose `wait` ends with its child can forget its own trap.
    script = "trap '' TERM; sleep 60 & trap 'echo goodbye; exit 3' TERM; echo ready; wait"
    task, printed = yard.done(level, script)

    assert printed == "ready\ngoodbye\n"
    assert (task.state, task.reason) == (TaskState.FAILED, Reason.TIMEOUT)


@pytest.mark.parametrize("level", _LEVELS, ids=lambda level: level.label)
def test_how_it_ended_is_told(yard: Yard, level: Level) -> None:
    """RUN-18: an exit code, and a signal, are what they were."""
    if not _has(yard, level):
        return
    failed, _ = yard.done(level, "exit 3")
    killed, _ = yard.done(level, "kill -9 $$")

    assert (failed.reason, "3" in failed.detail) == (Reason.EXIT_CODE, True)
    assert (killed.reason, "SIGKILL" in killed.detail) == (Reason.SIGNAL, True)


@pytest.mark.parametrize("level", _LEVELS, ids=lambda level: level.label)
def test_a_tree_whose_lease_runs_out_stands_still(yard: Yard, level: Level) -> None:
    """Frozen as a whole and thawed as a whole, from outside the cage's process namespace."""
    if not _has(yard, level):
        return
    task = yard.at(level, _STAYS)
    yard.start(task)
    wait_until(lambda: len(tree_of(task.id)) >= 4)
    held = yard.keeper._held[task.id, 1]
    process = held._tree
    assert process is not None

    def stands_still() -> bool:
        # Again each time: a renewal of the Lease thaws what it finds.
        process.freeze()  # type: ignore[attr-defined]  # a Process, though the keeper needs less of it
        return {state_of(one.pid) for one in tree_of(task.id)} == {"T"}

    wait_until(stands_still)
    process.thaw()  # type: ignore[attr-defined]
    wait_until(lambda: "T" not in {state_of(one.pid) for one in tree_of(task.id)})
    yard.keeper.interrupt()


@pytest.mark.parametrize("level", _LEVELS, ids=lambda level: level.label)
def test_a_killed_worker_leaves_nothing(place: Path, level: Level) -> None:
    """SIGKILL of the worker: soon nothing of the tree is alive."""
    settings = Settings(_env_file=None).model_copy(update={"data_dir": place / "data", "agent_user": USER})
    if Cage(settings, {"PATH": os.defpath}).missing(level) is not None:
        return
    task_id = TaskId("00000000-0000-4000-8000-000000000000")
    arguments = [str(level.value), USER, str(place / "data"), new_mark("test", task_id), _STAYS]
    worker = subprocess.Popen(
        [sys.executable, str(WORKER), *arguments],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert worker.stdout
    while worker.stdout.readline() != b"ready\n":
        assert worker.poll() is None
    wait_until(lambda: len(tree_of(task_id)) >= 4)
    tree = tree_of(task_id)

    worker.send_signal(signal.SIGKILL)
    worker.wait()

    wait_until(lambda: not any(one.is_running() and state_of(one.pid) for one in tree), timeout=10)
    wait_until(lambda: tree_of(task_id) == [], timeout=10)
    worker.stdout.close()


def test_back_pressure_passes_through_the_cage(yard: Yard) -> None:
    """What nobody reads waits in the pipe, and all of it comes in order."""
    if not _has(yard, Level.CAGE):
        return
    task, printed = yard.done(Level.CAGE, "seq 1 300000")

    assert task.state is TaskState.COMPLETED
    assert printed.split() == [str(number) for number in range(1, 300_001)]


def test_no_network_is_none(yard: Yard, redis_url: str) -> None:
    """`network = "none"`: not even what listens on loopback; without a cage the Task is refused."""
    port = urlsplit(redis_url).port
    script = f"exec bash -c 'echo -n >/dev/tcp/127.0.0.1/{port} && echo reached; cat /proc/net/dev'"
    for name in ("open", "none"):
        yard.agent(name, f'cli = "hostile"\nsandbox = "off"\nnetwork = "{name}"\n')
    opened, closed = (yard.queue(script, agent=name, cli="hostile") for name in ("open", "none"))
    for task in (opened, closed):
        yard.start(task).result(timeout=60)

    assert b"reached" in yard.output(opened)
    if not _has(yard, Level.CAGE):
        assert yard.task(closed.id).reason is Reason.SANDBOX_UNAVAILABLE
        return
    assert yard.task(closed.id).sandbox == "level-2"
    assert b"reached" not in yard.output(closed)
    assert yard.output(closed).count(b":") <= 2  # the loopback, perhaps a tunnel that leads nowhere


def test_a_proxy_is_what_the_environment_names(yard: Yard) -> None:
    """`network = "proxy"` needs one, and overrides the worker's own."""
    yard.passed["HTTPS_PROXY"] = "http://the-workers.example"
    yard.agent("through", 'cli = "hostile"\nsandbox = "off"\nnetwork = "proxy"\n')

    refused = yard.queue("env", agent="through", cli="hostile")
    yard.start(refused).result(timeout=60)
    yard.limit(agent_proxy="http://127.0.0.1:3128")
    through = yard.queue("env", agent="through", cli="hostile")
    yard.start(through).result(timeout=60)

    assert yard.task(refused.id).reason is Reason.AGENT_INVALID
    assert "ERRAND_AGENT_PROXY" in yard.task(refused.id).detail
    assert b"HTTPS_PROXY=http://127.0.0.1:3128" in yard.output(through)
    assert b"the-workers" not in yard.output(through)
