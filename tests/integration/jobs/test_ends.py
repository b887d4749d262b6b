"""Tasks that must not start, that kill their worker, and that are stopped while Redis is away."""

from pathlib import Path

import psutil
from pytest_celery import CeleryTestWorker

from app.db import tasks
from app.domain.reason import Reason
from app.domain.task import AttemptState, TaskState
from tests.integration.jobs.plant import Plant
from tests.waiting import wait_until


def test_a_task_that_kills_its_worker_each_time_ends(plant: Plant) -> None:
    """Q-08: after max_attempts it is failed as worker_lost, and the worker's next life does other work.

    First of this module, for the others share one worker, which would take it too.
    """
    worker = plant.worker("victim", ERRAND_LEASE_SECONDS="2")
    control = plant.control("watcher", ERRAND_LEASE_SECONDS="2")
    poison = plant.ask({"kill_worker": 9})

    for _ in range(poison.max_attempts):
        wait_until(lambda: worker.container.status == "exited", 40, message="the worker is killed")
        worker.restart()
    [failed] = plant.wait(poison, state=TaskState.FAILED, timeout=40)

    assert (failed.reason, failed.failures) == (Reason.WORKER_LOST, failed.max_attempts)
    states = [attempt.state for attempt in plant.db.read(tasks.attempts_of, failed.id)]
    assert states == [AttemptState.LOST] * failed.max_attempts
    plant.wait(plant.ask({"texts": 1}), timeout=30)
    worker.teardown()
    control.teardown()


def test_what_was_cancelled_before_its_message_came_never_starts(
    worker: CeleryTestWorker, plant: Plant
) -> None:
    """Q-06: the message finds nothing to claim, and says so."""
    started = len(plant.cli.starts)
    task = plant.queue({"texts": 1})
    plant.db.write(tasks.cancel, task.id)

    plant.ring(task)
    worker.assert_log_exists("already_finished", timeout=10)

    plant.wait(plant.ask({"texts": 1}))
    assert len(plant.cli.starts) == started + 1
    assert plant.now(task).state is TaskState.CANCELLED


def test_a_cancel_needs_no_redis(worker: CeleryTestWorker, plant: Plant, tmp_path: Path) -> None:
    """DB-03: stopped within seconds while Redis is away; what waits is cancelled at once."""
    task = plant.ask({"ignore": ["SIGTERM"]}, {"say": "here"}, {"wait_for": str(tmp_path / "never")})
    wait_until(lambda: plant.now(task).last_seq > 1, 20, message="its CLI runs")
    pid = plant.cli.starts[-1]["pid"]
    with plant.redis.away():
        plant.db.write(tasks.cancel, task.id)

        plant.wait(task, state=TaskState.CANCELLED, timeout=15)
        assert not psutil.pid_exists(pid)
    wait_until(plant.consumers, 15, message="the worker consumes again")
    assert worker.container.status == "running"
