"""Callbacks by real worker and control processes: whatever dies, the receiver hears of the end."""

from collections.abc import Iterator

import pytest
from pytest_celery import CeleryTestWorker

from app.db import tasks, webhooks
from app.db.tasks import NewTask
from app.db.webhooks import Received
from app.domain.task import Task
from app.domain.webhook import WebhookSettings
from app.security.crypto import Vault
from app.settings import Settings
from app.webhooks.hooks import Hooks
from app.webhooks.signing import signature
from tests.fakes.receiver import Receiver
from tests.fakes.scripted_cli import script
from tests.integration.jobs.plant import Plant
from tests.waiting import wait_until


@pytest.fixture(scope="module")
def receiver(plant: Plant) -> Iterator[Receiver]:
    """On this machine, which the settings of control allow."""
    receiver = Receiver()
    plant.env["ERRAND_CALLBACK_HOSTS"] = receiver.host
    # Tasks from outside need the cage, which the machine of a test may forbid.
    plant.env["ERRAND_SANDBOX_FLOOR"] = "0"
    yield receiver
    receiver.close()


@pytest.fixture(scope="module")
def secret(plant: Plant, receiver: Receiver) -> str:
    """What callbacks of the webhook `alerts` are signed with."""
    settings = Settings(_env_file=None, data_dir=plant.folder / "data")
    hooks = Hooks(plant.db, Vault(settings.fernet_keys()), learn=lambda _: None)
    hook = WebhookSettings(template="Look.", callback_url=receiver.url)
    return plant.db.write(hooks.create, "alerts", hook)[2]


@pytest.fixture(scope="module")
def worker(plant: Plant, secret: str) -> Iterator[CeleryTestWorker]:
    """A worker that begins once the settings are there."""
    assert secret
    worker = plant.worker()
    yield worker
    worker.teardown()


def deliver(plant: Plant, key: str, *steps: dict[str, object]) -> Task:
    """Take a delivery as web does, and ring for its Task."""
    received = Received("alerts", key.ljust(64, "0"), said=True, content_type="text/plain", body=b"x")
    new = NewTask(script(*steps), "brain", "claude", 3, from_outside=True)
    task_id, _ = plant.db.write(webhooks.take, received, lambda c: tasks.create(c, new))
    assert task_id is not None
    task = plant.task(task_id)
    plant.ring(task)
    return task


def heard(receiver: Receiver, task: Task) -> list[str]:
    """Return the states that were told of the Task."""
    return [told.json["task"]["state"] for told in receiver.received if told.json["task"]["id"] == task.id]


@pytest.mark.usefixtures("worker")
def test_control_tells_of_the_end(
    control: CeleryTestWorker, plant: Plant, receiver: Receiver, secret: str
) -> None:
    """Within seconds, signed, with what the CLI said; nothing of it in the logs."""
    task = deliver(plant, "first", {"say": "It was the log."})
    plant.wait(task)

    wait_until(lambda: heard(receiver, task), 20)

    told = receiver.received[-1]
    sent_at = told.headers["X-Errand-Timestamp"]
    assert told.headers["X-Errand-Signature"] == signature(secret, f"{sent_at}.".encode() + told.body)
    assert told.json["task"]["state"] == "completed"
    wait_until(lambda: "callback_sent" in control.logs(), 10)
    assert secret not in control.logs()


@pytest.mark.usefixtures("worker")
def test_redis_that_lost_everything_costs_no_callback(
    control: CeleryTestWorker, plant: Plant, receiver: Receiver
) -> None:
    """Nothing of a callback is there; the next beat finds the row."""
    gone = plant.folder / "go"
    task = deliver(plant, "second", {"say": "waiting"}, {"wait_for": str(gone)})
    wait_until(lambda: plant.now(task).last_seq > 0, 20)
    plant.redis.flush()
    gone.touch()
    plant.wait(task, timeout=60)

    wait_until(lambda: heard(receiver, task), 60)

    assert heard(receiver, task) == ["completed"]
    assert control.container.status == "running"


@pytest.mark.usefixtures("worker")
def test_control_that_was_killed_tells_when_it_is_back(
    control: CeleryTestWorker, plant: Plant, receiver: Receiver
) -> None:
    """What ended meanwhile is told once."""
    control.kill()
    task = deliver(plant, "third", {"say": "done"})
    plant.wait(task)

    another = plant.control("another-control")
    wait_until(lambda: heard(receiver, task), 30)

    assert heard(receiver, task) == ["completed"]
    another.teardown()
