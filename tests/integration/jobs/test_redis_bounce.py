"""Redis goes away while CLIs run: they run on, each is started once, and the worker works again."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import redis
from kombu.exceptions import OperationalError
from pytest_celery import CeleryTestWorker

from app.domain.task import Task
from tasks.transport import RECONNECT_EVERY, Connection
from tests.integration.jobs.plant import Plant, sender
from tests.services import RedisServer
from tests.waiting import wait_until

_CONCURRENCY = 4


def _stop_for(seconds: float) -> Callable[[RedisServer], None]:
    def bounce(server: RedisServer) -> None:
        server.stop()
        _away(seconds)
        server.start()

    return bounce


def _hang_for(seconds: float) -> Callable[[RedisServer], None]:
    def bounce(server: RedisServer) -> None:
        server.pause()
        _away(seconds)
        server.resume()

    return bounce


def _kill_clients(server: RedisServer) -> None:
    with redis.Redis.from_url(server.url) as client:
        client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        client.execute_command("CLIENT", "KILL", "TYPE", "pubsub")


def _full_for(seconds: float) -> Callable[[RedisServer], None]:
    """Every write is refused, as with maxmemory and noeviction, or on a server that became a replica."""

    def bounce(server: RedisServer) -> None:
        with redis.Redis.from_url(server.url) as client:
            client.config_set("maxmemory-policy", "noeviction")
            # A message that is read is written down as unacked: that is where it hurts.
            message = _any_message(server)
            with client.pipeline(transaction=True) as at_once:
                at_once.lpush("runs", message).config_set("maxmemory", "1").execute()
            _away(seconds)
            client.config_set("maxmemory", "0")

    return bounce


def _read_only_for(seconds: float) -> Callable[[RedisServer], None]:
    def bounce(server: RedisServer) -> None:
        with redis.Redis.from_url(server.url) as client:
            client.execute_command("REPLICAOF", "127.0.0.1", "1")
            _away(seconds)
            client.execute_command("REPLICAOF", "NO", "ONE")

    return bounce


BOUNCES = {
    "a blink": _stop_for(0.05),
    "half a second": _stop_for(0.5),
    "two seconds": _stop_for(2),
    "a hang": _hang_for(2),
    "all connections cut": _kill_clients,
    "no memory left": _full_for(2),
    "read-only": _read_only_for(2),
}


@pytest.mark.parametrize("bounce", BOUNCES.values(), ids=BOUNCES.keys())
def test_running_tasks_outlive_it(
    bounce: Callable[[RedisServer], None], worker: CeleryTestWorker, plant: Plant, tmp_path: Path
) -> None:
    """Two CLIs run while Redis is away, one ends meanwhile; each is started once, and then others run."""
    pid, started = worker.container._container.process.pid, len(plant.cli.starts)
    go, meanwhile = tmp_path / "go", tmp_path / "meanwhile"
    running = [_waiting_for(plant, go), _waiting_for(plant, go), _waiting_for(plant, meanwhile)]

    meanwhile.touch()
    bounce(plant.redis)
    plant.wait(running[2])
    wait_until(plant.consumers, 15, message="the worker consumes again")
    more = [plant.ask({"texts": 1}) for _ in range(3)]
    plant.wait(*more)
    go.touch()
    plant.wait(*running)

    assert len(plant.cli.starts) - started == len(running) + len(more)
    assert worker.container.status == "running"
    assert worker.container._container.process.pid == pid


def test_many_in_a_row_change_nothing(worker: CeleryTestWorker, plant: Plant, tmp_path: Path) -> None:
    """The same CLIs live through one bounce after the other, and all slots are there afterwards."""
    started, go = len(plant.cli.starts), tmp_path / "go"
    running = [_waiting_for(plant, go) for _ in range(_CONCURRENCY - 1)]

    for outage in (0.05, 0.1, 0.3, 0.05):
        _stop_for(outage)(plant.redis)
        wait_until(plant.consumers, 15, message="the worker consumes again")

    go.touch()
    plant.wait(*running)
    all_slots = [_waiting_for(plant, tmp_path / "go 2") for _ in range(_CONCURRENCY)]
    (tmp_path / "go 2").touch()
    plant.wait(*all_slots)
    assert len(plant.cli.starts) - started == len(running) + len(all_slots)
    assert "Unrecoverable" not in worker.logs()


def test_redis_is_looked_for_every_other_second_however_long_it_is_away() -> None:
    """The pauses of kombu grow to half a minute, by which each Task would be late."""
    pauses: list[float] = []

    def refused(_error: Exception, pause: float) -> None:
        pauses.append(pause)

    with Connection("redis://127.0.0.1:1") as connection, pytest.raises(OperationalError):
        connection.ensure_connection(refused, max_retries=2)

    assert pauses == [RECONNECT_EVERY] * 2


def _waiting_for(plant: Plant, go: Path) -> Task:
    """Run a Task whose CLI waits for the file."""
    task = plant.ask({"say": "here"}, {"wait_for": str(go)})
    wait_until(lambda: plant.now(task).last_seq > 1, 20, message="its CLI runs")
    return task


def _any_message(server: RedisServer) -> bytes:
    celery = sender(server.url)
    celery.send_task("tasks.run", args=["no task at all"], queue="elsewhere")
    celery.close()
    with redis.Redis.from_url(server.url) as client:
        return client.rpop("elsewhere") or b""


def _away(seconds: float) -> None:
    """An outage lasts as long as it lasts: this is no waiting for something else."""
    threading.Event().wait(seconds)
