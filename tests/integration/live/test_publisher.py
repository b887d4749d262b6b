"""The Publisher tells, and never stands in the way."""

import threading
import time
from collections.abc import Iterator

import pytest
import redis
from redis.client import PubSub

from app.clock import utcnow
from app.domain.task import SessionId, Task, TaskId
from app.live.channel import TASKS, Notice, session_channel
from app.live.publisher import PAYLOAD_LIMIT, Publisher
from tests.services import RedisServer
from tests.waiting import wait_until

_TASK = Task(
    id=TaskId("t"),
    session_id=SessionId("s"),
    position=1,
    agent="demo",
    cli="demo",
    message="",
    created_at=utcnow(),
)


@pytest.fixture
def told(own_redis: RedisServer) -> Iterator[PubSub]:
    """What was published."""
    with redis.Redis.from_url(own_redis.url, protocol=2) as client, _subscribed(client) as pubsub:
        yield pubsub


def _subscribed(client: redis.Redis) -> PubSub:
    pubsub: PubSub = client.pubsub(ignore_subscribe_messages=True)  # type: ignore[no-untyped-call]
    pubsub.subscribe(TASKS, session_channel(_TASK.session_id))
    wait_until(lambda: pubsub.get_message(timeout=0.1) is None)
    return pubsub


def _next(pubsub: PubSub) -> tuple[str, Notice]:
    message = wait_until(lambda: pubsub.get_message(timeout=0.1))
    return message["channel"].decode(), Notice.decode(message["data"])


def test_a_task_is_told_to_its_session_and_to_all(own_redis: RedisServer, told: PubSub) -> None:
    """One Notice each."""
    Publisher(own_redis.url).publish_task(_TASK)

    assert {_next(told)[0], _next(told)[0]} == {TASKS, session_channel(_TASK.session_id)}


def test_a_large_payload_stays_in_the_rows(own_redis: RedisServer, told: PubSub) -> None:
    """The Notice says which Events there are; Viewers read them."""
    publisher = Publisher(own_redis.url)
    publisher.publish_events(_TASK, b'[{"seq":1}]', 1, 1)
    publisher.publish_events(_TASK, b"[{" + b" " * PAYLOAD_LIMIT + b"}]", 2, 9)

    assert _next(told)[1].payload == b'[{"seq":1}]'
    assert _next(told)[1] == Notice(_TASK.id, _TASK.session_id, 9, 2)


def test_a_redis_that_hangs_costs_a_moment_once(own_redis: RedisServer) -> None:
    """The first try gives up soon, the next do not even try."""
    publisher = Publisher(own_redis.url)
    own_redis.pause()
    began = time.monotonic()
    publisher.publish_task(_TASK)
    first = time.monotonic() - began
    for _ in range(1000):
        publisher.publish_task(_TASK)
    own_redis.resume()

    assert first < 5
    assert time.monotonic() - began < first + 5  # each that tried would wait as long as the first


def test_it_tells_again_once_redis_is_back(own_redis: RedisServer) -> None:
    """A bounce is forgotten within a few seconds."""
    publisher = Publisher(own_redis.url)
    own_redis.stop()
    publisher.publish_task(_TASK)
    own_redis.start()
    with redis.Redis.from_url(own_redis.url, protocol=2) as client, _subscribed(client) as pubsub:

        def heard() -> object:
            publisher.publish_task(_TASK)
            return pubsub.get_message(timeout=0.1)

        assert wait_until(heard, 15)


def test_many_threads_may_tell_at_once(own_redis: RedisServer, told: PubSub) -> None:
    """Workers share one Publisher."""
    publisher = Publisher(own_redis.url)

    def tell() -> None:
        for _ in range(50):
            publisher.publish_events(_TASK, b"", 1, 1)

    threads = [threading.Thread(target=tell) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)

    assert len([_next(told) for _ in range(400)]) == 400
