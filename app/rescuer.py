"""The observer: rings again for queued Tasks nobody was told of, and takes Tasks whose Lease ran out."""

import itertools
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import structlog
from redis import Redis
from redis.exceptions import RedisError

from app.clock import utcnow
from app.db import deliveries, doorbells, leases
from app.db.engine import Connection, Database
from app.dispatch import CONTROL, RUNS, Bell
from app.domain.lease import LeaseWatch
from app.domain.task import Task, TaskId
from app.errors import Locked, Unavailable
from app.live.publisher import Publisher
from app.settings import Settings

log = structlog.get_logger()

#: Tasks rung for in one sweep; more wait for the next, oldest first.
AT_ONCE = 1000
#: A Task rung for this long ago that still waits may have lost its message: at an empty queue surely ...
EMPTY_QUEUE_AFTER = timedelta(seconds=15)
#: ... and behind a long queue at some time.
LONG_QUEUE_AFTER = timedelta(minutes=10)
#: For a Delivery, whose second message costs next to nothing.
LONG_DELIVERIES_AFTER = timedelta(minutes=1)
#: Seconds between two sweeps: at most, and as a part of a Lease.
EVERY, EVERY_PART = 5.0, 0.25
#: How many of control's sweeps a worker waits before it takes what control should have taken.
BEHIND = 2
#: A key that is gone when Redis lost what it had.
MEMORY = "errand-memory"
#: A database that keeps us waiting for this part of a Lease keeps those who renew waiting too.
SLOW = 0.25


class Rescuer:
    """Safe to run in several processes: rings twice at worst, and takes a Task under its Lease counter."""

    def __init__(self, db: Database, bell: Bell, publisher: Publisher, settings: Settings) -> None:
        self._db = db
        self._bell = bell
        self._publisher = publisher
        self._redis = Redis.from_url(settings.redis_url, socket_timeout=2, socket_connect_timeout=2)
        self._watch = LeaseWatch(settings.lease_seconds)
        #: When Redis was seen to have lost everything, until all who waited were rung for again.
        self._lost_at: datetime | None = None
        self._slow = settings.lease_seconds * SLOW
        #: Seconds between two sweeps.
        self.every = min(EVERY, settings.lease_seconds * EVERY_PART)
        #: Seconds that who is not on duty leaves an expired Lease to who is.
        self.behind = BEHIND * self.every
        self._lock = threading.Lock()

    def sweep(self, *, on_duty: Callable[[], bool] = lambda: True) -> None:
        """Look once and act on it; raises Unavailable while the database is away.

        Only who is on duty rings; the others take what it has left for too long. Control that was killed a
        moment ago is still thought alive, and whoever looks knows already how old each Lease is.
        """
        with self._lock:
            try:
                asked = time.monotonic()
                running = self._db.read(leases.running)
                self._check_prompt(asked)
                ours = on_duty()
                longer = 0.0 if ours else self.behind
                self._take(self._watch.observe(running, now=time.monotonic(), longer=longer))
                if ours:
                    self._ring_forgotten()
            except Unavailable:
                # Whoever holds a Lease gets a whole one again: it could not renew either.
                self._watch.forget()
                raise

    def _take(self, expired: list[tuple[str, int, int]]) -> None:
        for task_id, attempt, counter in expired:
            try:
                task = self._rescued(TaskId(task_id), attempt, counter)
            except Locked as error:
                # Its owner may be the one who writes. The others' rows are free.
                log.warning("not_rescued", task_id=task_id, error=error.message)
                self._watch.forget(task_id)
                continue
            if task is not None:
                log.warning("task_rescued", task_id=task_id, attempt=attempt, state=task.state)
                self._publisher.publish_task(task)

    def _rescued(self, task_id: TaskId, attempt: int, counter: int) -> Task | None:
        asked = time.monotonic()

        def rescue(c: Connection) -> Task | None:
            # Behind a lock that somebody held, its owner's renewal waits as we did; let it be first.
            self._check_prompt(asked)
            return leases.rescue(c, task_id, attempt=attempt, counter=counter)

        return self._db.write(rescue)

    def _check_prompt(self, asked: float) -> None:
        waited = time.monotonic() - asked
        if waited > self._slow:
            raise Unavailable(f"The database took {waited:.1f} s to answer.")

    def _ring_forgotten(self) -> None:
        messages = self._messages()
        if messages is None:
            return
        now = utcnow()
        before = self._silent_since(now, LONG_QUEUE_AFTER if messages else EMPTY_QUEUE_AFTER)
        forgotten = self._db.read(doorbells.unrung, now=now, rung_before=before, limit=AT_ONCE)
        if any(told for _, told in forgotten) and self._lost_at is None and self._all_in_queue(messages, now):
            forgotten = [(task_id, told) for task_id, told in forgotten if not told]
        self._deliver_forgotten(now)
        self._ring([task_id for task_id, _ in forgotten], now)

    def _all_in_queue(self, messages: int, now: datetime) -> bool:
        """Whether there is a message for every Task that waits: one more would only make the queue longer."""
        return messages > 0 and messages >= self._db.read(doorbells.count_due, now)

    def _deliver_forgotten(self, now: datetime) -> None:
        """As for Tasks. A second message for a Delivery that is being read harms nobody."""
        try:
            messages = self._length(CONTROL)
        except RedisError as error:
            log.warning("redis_away", error=str(error))
            return
        before = self._silent_since(now, LONG_DELIVERIES_AFTER if messages else EMPTY_QUEUE_AFTER)
        waiting = self._db.read(deliveries.unrung, now=now, rung_before=before, limit=AT_ONCE)
        rung = list(itertools.takewhile(self._bell.deliver, waiting))
        if rung:
            self._db.write(deliveries.mark_rung, rung, now)
            log.info("delivered_again", deliveries=len(rung))

    def _silent_since(self, now: datetime, patience: timedelta) -> datetime:
        """Return before when a message may be lost: what Redis lost needs no patience."""
        before = now - patience
        return before if self._lost_at is None else max(before, self._lost_at)

    def _ring(self, task_ids: Sequence[TaskId], now: datetime) -> None:
        rung = list(itertools.takewhile(self._bell.ring, task_ids))
        if rung:
            self._db.write(doorbells.mark_rung, rung, now)
            log.info("rung_again", tasks=len(rung))
        if self._lost_at is not None and len(rung) == len(task_ids) < AT_ONCE:
            self._remember()

    def _messages(self) -> int | None:
        """Return how many messages wait, None while Redis is away; notice where it lost them."""
        try:
            if not self._redis.exists(MEMORY) and self._lost_at is None:
                # An empty queue would tell the same, but not once a part of it was rung for again.
                self._lost_at = utcnow()
            return self._length(RUNS)
        except RedisError as error:
            log.warning("redis_away", error=str(error))
            return None

    def _length(self, queue: str) -> int:
        return int(self._redis.llen(queue))

    def _remember(self) -> None:
        """Only once all were rung for: should we die before, whoever comes next finds it undone."""
        try:
            self._redis.set(MEMORY, 1)
        except RedisError as error:
            log.warning("redis_away", error=str(error))
        else:
            self._lost_at = None
