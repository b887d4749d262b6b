"""Messages that are lost, doubled or late: each Task is run all the same, and once."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from pydantic import SecretStr
from pytest_celery import CeleryTestWorker

from app.domain.task import TaskId
from app.live.hub import Hub
from app.live.publisher import Publisher
from app.settings import Settings
from app.web import create_app
from app.web.queue import web_bell
from tests.fakes.scripted_cli import script
from tests.integration.jobs.plant import Plant
from tests.waiting import wait_until

_TOKEN = "an-admin-token-for-tests"


@pytest.fixture
def client(plant: Plant, tmp_path: Path) -> Iterator[FlaskClient]:
    """The web side over the same rows and the same Redis, signed in."""
    settings = Settings(
        _env_file=None,
        redis_url=plant.redis.url,
        admin_token_given=SecretStr(_TOKEN),
        secret_key_given=SecretStr(_TOKEN),
        data_dir=tmp_path,
    )
    publisher = Publisher(plant.redis.url)
    app = create_app(settings, plant.db, web_bell(plant.redis.url), Hub(plant.db, plant.redis.url), publisher)
    client = app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {_TOKEN}"
    yield client
    publisher.close()
    app.extensions["errand.services"].queue.close()


@pytest.mark.usefixtures("worker", "control")
def test_a_task_created_while_redis_is_away_runs_when_it_is_back(client: FlaskClient, plant: Plant) -> None:
    """It is accepted at once, its row remembers that nobody was told, and the rescue job rings for it."""
    with plant.redis.away():
        answer = client.post("/api/chat", json={"message": script({"texts": 1}), "agent": "brain"})

        assert (answer.status_code, answer.get_json()["state"]) == (202, "queued")
        task_id = TaskId(answer.get_json()["task_id"])
        assert plant.untold() == [task_id]
    plant.wait(plant.task(task_id), timeout=20)


@pytest.mark.usefixtures("worker", "control")
def test_messages_that_redis_lost_are_sent_again(plant: Plant, tmp_path: Path) -> None:
    """FLUSHALL with Tasks waiting behind busy slots: each of them runs, and once."""
    started, go = len(plant.cli.starts), tmp_path / "go"
    busy = [plant.ask({"wait_for": str(go)}) for _ in range(4)]
    wait_until(lambda: len(plant.cli.starts) - started == len(busy), 20, message="all slots are taken")
    waiting = [plant.ask({"texts": 1}) for _ in range(6)]

    plant.redis.flush()
    wait_until(lambda: plant.waiting() == len(waiting), 10, message="all of them are rung for again")
    go.touch()

    plant.wait(*busy, *waiting, timeout=20)
    _settle(plant)
    assert len(plant.cli.starts) - started == len(busy) + len(waiting)


def test_a_hundred_messages_start_one_run(worker: CeleryTestWorker, plant: Plant) -> None:
    """The claim decides; whoever comes second finds it taken."""
    started, refused = len(plant.cli.starts), worker.logs().count("doorbell_ignored")
    task = plant.queue({"texts": 3})

    plant.ring(*[task] * 100)

    [done] = plant.wait(task)
    wait_until(lambda: worker.logs().count("doorbell_ignored") - refused == 99, 20)
    assert done.attempt == 1
    assert len(plant.cli.starts) - started == 1


def _settle(plant: Plant) -> None:
    """Wait until every message was taken."""
    wait_until(lambda: plant.waiting() == 0, 10)
