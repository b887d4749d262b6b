"""Messages that are none of ours: refused one by one; the worker lives and runs the next Task."""

import base64
import json
import pickle
from typing import Any

import pytest
import redis
from kombu import Connection, Producer
from pytest_celery import CeleryTestWorker

from tests.integration.jobs.plant import Plant
from tests.waiting import wait_until


def _job(*args: object, name: str = "tasks.run", **kwargs: object) -> dict[str, Any]:
    """Return a message that asks for a job, as Celery makes it."""
    headers = {
        "lang": "py",
        "task": name,
        "id": "an-id",
        "root_id": "an-id",
        "argsrepr": "",
        "kwargsrepr": "",
    }
    embed: dict[str, None] = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}
    return {"body": [args, kwargs, embed], "headers": headers}


def _with(**headers: object) -> dict[str, Any]:
    message = _job()
    return {**message, "headers": {**message["headers"], **headers}}


def _without(name: str) -> dict[str, Any]:
    message = _job()
    return {**message, "headers": {key: value for key, value in message["headers"].items() if key != name}}


def _pickled(value: object) -> dict[str, Any]:
    return {**_job(), "body": pickle.dumps(value), "content_type": "application/x-python-serialize"}


class Explosive:
    """Whoever unpickles this has been had."""

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return exec, ("raise SystemExit('unpickled')",)


BAD = {
    "no argument": _job(),
    "too many arguments": _job("a", "b"),
    "a keyword nobody knows": _job(task="a"),
    "no id": _job("not an id"),
    "a number for an id": _job(42),
    "a structure for an id": _job({"task": ["x"]}),
    "an id that is no task's": _job("00000000-0000-4000-8000-000000000000"),
    "an id in capitals": _job("ABCDEF00-0000-4000-8000-000000000000"),
    "a huge id": _job("x" * 1_000_000),
    "an unknown job": _job(name="os.system"),
    "a job of Celery's": _job("ls", name="celery.backend_cleanup"),
    "arguments that are no list": {**_job(), "body": {"not": "a list"}},
    "arguments of a wrong shape": {**_job(), "body": ["x", "y", "z"]},
    "another job to follow": {**_job(), "body": [["x"], {}, {"callbacks": [{"task": "tasks.purge"}]}]},
    "too few parts": {**_job(), "body": [1]},
    "no id of the job": _without("id"),
    "an id that is a list": _with(id=["x"]),
    "a time that is none": _with(eta="tomorrow"),
    "an expiry that is none": _with(expires={"in": "a while"}),
    "time limits that are none": _with(timelimit=3),
    "tries that are none": _with(retries="many"),
    "the shape of long ago": {"body": {"task": "tasks.run", "id": "x", "args": 3}, "headers": {}},
    "no headers": {"body": "hello", "headers": {}},
    "a pickle": _pickled(Explosive()),
    "a body that is no JSON": {**_job(), "body": b"{'", "content_type": "application/json"},
    "an encoding nobody knows": {
        **_job(),
        "body": b"x",
        "content_type": "application/json",
        "content_encoding": "rot13",
    },
    "a type nobody knows": {**_job(), "body": b"x", "content_type": "text/x-nothing"},
}

_RAW = {
    "not an envelope": b"hello",
    "half an envelope": b'{"body": "aGVsbG8=", "headers": {',
    "far too deep": b"[" * 100_000,
    "a number": b"7",
    "an envelope of another kind": b"[1, 2, 3]",
    "an empty envelope": b"{}",
    "no text": bytes(range(128, 256)),
    "a body that is no base64": json.dumps(
        {"body": "%%%", "headers": {}, "content-type": "application/json", "content-encoding": "utf-8",
         "properties": {"body_encoding": "base64", "delivery_tag": "x", "delivery_info": {}}}
    ).encode(),
    "no properties": json.dumps({"body": base64.b64encode(b"[]").decode(), "headers": {}}).encode(),
}  # fmt: skip


def _works(plant: Plant, worker: CeleryTestWorker, pid: int) -> None:
    """Check that the same worker runs a Task, in every slot."""
    plant.wait(*(plant.ask({"texts": 1}) for _ in range(4)))
    assert worker.container._container.process.pid == pid
    assert worker.container.status == "running"


def test_bad_messages_are_refused_and_good_ones_run(worker: CeleryTestWorker, plant: Plant) -> None:
    """Whatever came before it, the next Task runs; nothing bad is left in Redis to be met again."""
    pid = worker.container._container.process.pid
    with Connection(plant.redis.url) as connection:
        producer = Producer(connection)
        for message in BAD.values():
            producer.publish(**message, routing_key="runs", retry=True)

    _works(plant, worker, pid)

    wait_until(lambda: _left(plant) == (0, 0), 10, message="nothing is left in Redis")
    assert "unpickled" not in worker.logs()
    assert worker.logs().count("job_refused") == 5


@pytest.mark.parametrize("content", _RAW.values(), ids=_RAW.keys())
def test_what_is_no_message_at_all_is_survived(
    content: bytes, worker: CeleryTestWorker, plant: Plant
) -> None:
    """Somebody pushed bytes into the list: the worker is not ended by them."""
    pid = worker.container._container.process.pid
    with redis.Redis.from_url(plant.redis.url) as client:
        client.lpush("runs", content)

    _works(plant, worker, pid)


def _left(plant: Plant) -> tuple[int, int]:
    with redis.Redis.from_url(plant.redis.url) as client:
        return int(client.llen("runs")), int(client.hlen("unacked"))
