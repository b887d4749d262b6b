"""Redis as the web processes use it: to ring, and to look at the queue; never for long."""

import time
from collections.abc import Callable
from typing import Any

import redis
import structlog
from celery import Celery
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from app.dispatch import RUNS, Bell, CeleryBell
from app.domain.task import TaskId
from app.web.breaker import Breaker

log = structlog.get_logger()

#: Seconds one request waits for Redis to answer; it makes two round trips at most.
PATIENCE = 0.4
#: A failure that came faster than this was a connection that had died, not a Redis that hangs.
AT_ONCE = 0.1


class Queue:
    """The queue of runs, as far as one may look at it."""

    def __init__(self, redis_url: str) -> None:
        self._breaker = Breaker()
        self._redis: Any = redis.Redis.from_url(
            redis_url,
            socket_timeout=PATIENCE,
            socket_connect_timeout=PATIENCE,
            retry=Retry(NoBackoff(), 0),
        )

    def length(self) -> int | None:
        """Return how many messages wait for a worker; None where Redis does not answer."""
        if not self._breaker.allows():
            return None
        try:
            waiting = int(self._redis.llen(RUNS))
        except (RedisError, OSError) as error:
            if self._breaker.failed():
                log.warning("redis_down", error=str(error))
            return None
        self._breaker.worked()
        return waiting

    def close(self) -> None:
        """Give the connections back."""
        self._redis.close()


class GuardedBell:
    """A Bell that does not pull the rope of a Redis that has just hung; the rescuer rings then."""

    def __init__(self, bell: Bell) -> None:
        self._bell = bell
        self._breaker = Breaker()

    def ring(self, task_id: TaskId, *, countdown: float | None = None) -> bool:
        """Return whether the message was handed to the broker; never raises."""
        return self._guarded(lambda: self._bell.ring(task_id, countdown=countdown))

    def deliver(self, delivery_id: str) -> bool:
        """Return whether the message was handed to the broker; never raises."""
        return self._guarded(lambda: self._bell.deliver(delivery_id))

    def _guarded(self, ring: Callable[[], bool]) -> bool:
        if not self._breaker.allows():
            return False
        started = time.monotonic()
        rung = ring()
        if not rung and time.monotonic() - started < AT_ONCE:
            # Redis was restarted: this connection was the old one's, the next try makes a new one.
            rung = ring()
        if rung:
            self._breaker.worked()
        else:
            self._breaker.failed()
        return rung


def web_bell(redis_url: str) -> Bell:
    """Return the Bell of a web process: Celery's producer without any of its patience."""
    celery = Celery("errand", set_as_current=False)
    celery.config_from_object("celeryconfig")
    celery.conf.update(
        broker_url=redis_url,
        broker_connection_timeout=PATIENCE,
        # As many connections as requests ring at once; they are made when needed.
        broker_pool_limit=100,
        broker_transport_options={
            "socket_timeout": PATIENCE,
            "socket_connect_timeout": PATIENCE,
            "socket_keepalive": True,
            # kombu's own patience: it would try again for ever.
            "max_retries": 0,
        },
    )
    celery.finalize()  # 0.2 s that the first request should not pay
    return GuardedBell(CeleryBell(celery))
