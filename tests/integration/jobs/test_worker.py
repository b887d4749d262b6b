"""A worker as pytest-celery sees it: ready, at work, killed, restarted, stopped."""

import signal
from collections.abc import Iterator
from pathlib import Path
from socket import gethostname
from typing import Any

import psutil
import pytest
from celery import Celery
from pytest_celery import CeleryTestBroker, CeleryTestSetup, CeleryTestWorker

from app.db import tasks
from app.domain.reason import Reason
from app.domain.task import TaskState
from tests.fakes.scripted_cli import ScriptedCli
from tests.integration.jobs.plant import Plant, sender
from tests.integration.jobs.process_node import BrokerContainer
from tests.waiting import wait_until


class Setup(CeleryTestSetup):  # type: ignore[misc] # pytest-celery has no types
    """pytest-celery's setup, with our app in place of its own."""

    @classmethod
    def create_setup_app(cls, celery_setup_config: dict[str, Any], celery_setup_app_name: str) -> Celery:  # noqa: ARG003 - the plugin's signature
        """Return the app that rings."""
        return sender(celery_setup_config["broker_url"])


@pytest.fixture
def celery_setup_cls() -> type[Setup]:
    """The plugin makes the setup from this."""
    return Setup


@pytest.fixture(scope="module")
def celery_broker(plant: Plant) -> CeleryTestBroker:
    """Our Redis."""
    return CeleryTestBroker(BrokerContainer(plant.redis))


@pytest.fixture
def celery_backend_cluster() -> None:
    """Results are ignored: the row is the truth."""


@pytest.fixture(scope="module")
def celery_worker(plant: Plant) -> Iterator[CeleryTestWorker]:
    """A worker process of ours."""
    worker = plant.worker(ERRAND_SHUTDOWN_GRACE="0", ERRAND_LEASE_SECONDS="2")
    yield worker
    worker.teardown()


def test_the_whole_is_ready(celery_setup: CeleryTestSetup) -> None:
    """The plugin's own checks pass: the nodes are up and the worker answers a ping."""
    assert celery_setup.ready(ping=False, control=True, docker=True)
    assert [name for answer in celery_setup.app.control.ping() for name in answer] == [
        f"worker@{gethostname()}"
    ]


def test_a_job_runs_its_task(
    celery_worker: CeleryTestWorker, celery_setup: CeleryTestSetup, plant: Plant
) -> None:
    """From the message to the row: completed, by one CLI, and the log tells it by the Task's id."""
    task = plant.queue({"texts": 2})
    celery_setup.app.send_task("tasks.run", args=[task.id], queue="runs")

    [done] = plant.wait(task)

    assert (done.result, done.attempt) == ("done", 1)
    celery_worker.assert_log_exists("run_finished")
    celery_worker.assert_log_exists(task.id)
    assert "Traceback" not in celery_worker.logs()


def test_killed_and_restarted_it_goes_on(
    celery_worker: CeleryTestWorker, plant: Plant, tmp_path: Path
) -> None:
    """SIGKILL ends the CLI with the worker; the next life takes what waits."""
    task = plant.ask({"say": "here"}, {"wait_for": str(tmp_path / "never")})
    wait_until(lambda: plant.now(task).last_seq > 1, message="the CLI runs")
    celery_worker.kill()
    wait_until(lambda: celery_worker.container.status == "exited", 15)
    waiting = plant.ask({"texts": 1})

    celery_worker.restart()

    plant.wait(waiting)
    assert not _alive(plant.cli)


def test_asked_to_stop_it_gives_back_what_runs(
    celery_worker: CeleryTestWorker, plant: Plant, tmp_path: Path
) -> None:
    """A warm shutdown ends CLIs, requeues their Tasks without counting the Attempt, and exits with 0."""
    task = plant.ask({"say": "here"}, {"wait_for": str(tmp_path / "never")})
    wait_until(lambda: plant.now(task).last_seq > 1, message="the CLI runs")

    celery_worker.kill("SIGTERM")

    wait_until(lambda: celery_worker.container.status == "exited", 10)
    assert celery_worker.container._container.process.returncode == 0
    celery_worker.assert_log_exists("machine_stopped")
    back = plant.now(task)
    assert (back.state, back.failures) == (TaskState.QUEUED, 0)
    assert not _alive(plant.cli)


@pytest.mark.parametrize("asked", [("SIGQUIT",), ("SIGTERM", "SIGTERM"), ("SIGINT", "SIGINT")])
def test_in_a_hurry_it_gives_back_what_runs_too(plant: Plant, tmp_path: Path, asked: tuple[str, ...]) -> None:
    """SIGQUIT, or asking twice, waits for no grace: the CLI ends, its Task is back, the status is 0."""
    name = "-".join(asked).lower()
    worker = plant.worker(name, ERRAND_SHUTDOWN_GRACE="60")
    task = plant.ask({"ignore": ["SIGTERM"]}, {"say": "here"}, {"wait_for": str(tmp_path / "never")})
    wait_until(lambda: plant.now(task).last_seq > 1, message="the CLI runs")

    for number in asked:
        worker.kill(number)
        wait_until(lambda: "machine_stopping" in worker.logs(), 15)

    process = worker.container._container.process
    assert process.wait(10) == 0
    assert "Traceback" not in worker.logs()
    back = plant.now(task)
    assert (back.state, back.reason, back.failures) == (TaskState.QUEUED, Reason.INTERRUPTED, 0)
    assert not _alive(plant.cli)
    plant.db.write(tasks.cancel, task.id)


def _alive(cli: ScriptedCli) -> list[int]:
    return [start["pid"] for start in cli.starts if psutil.pid_exists(start["pid"])]


def test_asked_again_and_again_until_it_is_gone_it_ends_with_0(plant: Plant) -> None:
    """Whatever moment of its end a signal falls into: the interpreter's own last steps too."""
    worker = plant.worker("impatient", ERRAND_SHUTDOWN_GRACE="5")
    process = worker.container._container.process

    def gone() -> bool:
        process.send_signal(signal.SIGTERM)
        return process.poll() is not None

    wait_until(gone, 60, interval=0.02)

    assert process.returncode == 0
