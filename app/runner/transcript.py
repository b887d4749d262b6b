"""What one Attempt prints, numbered, stored under the fence, and only then published."""

import time
from collections.abc import Callable, Sequence
from typing import TypeVar

import structlog

from app.clock import utcnow
from app.db import events
from app.db.engine import Database
from app.db.runs import Claim
from app.domain.event import Event
from app.errors import LeaseLost, Unavailable
from app.live.publisher import Publisher
from app.runner.held import Held, Stop

log = structlog.get_logger()

T = TypeVar("T")

#: Seconds between two tries while the database is away; the pipe holds the CLI meanwhile.
PATIENCE = (0.1, 0.3, 1.0, 2.0)
#: Seconds a worker whose grace is over tries; then a rescue gives the Task back in its place.
LAST_TRIES = 2.0


class Transcript:
    """Numbers Events from where the Task stands and stores them; raises LeaseLost when it may no longer."""

    def __init__(self, db: Database, publisher: Publisher, claim: Claim, held: Held) -> None:
        self._db = db
        self._publisher = publisher
        self._task = claim.task
        self._held = held
        self.last_seq = self._before = claim.task.last_seq
        self.stdout_size = 0

    @property
    def appended(self) -> int:
        """How many Events this Attempt has so far."""
        return self.last_seq - self._before

    def append(self, new: Sequence[Event], stdout: bytes = b"") -> None:
        """Store `new` and the bytes they came from; returns when that is committed, however long it takes."""
        records = events.number(new, after=self.last_seq, attempt=self._task.attempt, at=utcnow())
        for last_seq, payload in list(events.payloads(records)) or ([(self.last_seq, b"")] if stdout else []):
            batch = events.Batch(
                task_id=self._task.id,
                attempt=self._task.attempt,
                after=self.last_seq,
                last_seq=last_seq,
                payload=payload,
                start=self.stdout_size,
                stdout=stdout,
            )
            self._store(batch)
            self.stdout_size += len(stdout)
            stdout = b""

    def _store(self, batch: events.Batch) -> None:
        if patiently(self._held, lambda: self._db.write(events.append, batch)):
            self._held.ask(Stop.CANCELLED)
        self.last_seq = batch.last_seq
        if batch.payload:
            self._publisher.publish_events(self._task, batch.payload, batch.after + 1, batch.last_seq)


def patiently(held: Held, write: Callable[[], T]) -> T:
    """Ask until the database answers; raises LeaseLost once this Attempt is no longer ours to write for."""
    tries = 0
    began = time.monotonic()
    while True:
        try:
            return write()
        except Unavailable as error:
            late = time.monotonic() - began > LAST_TRIES
            if held.stop is Stop.LOST or (held.out_of_time and late):
                raise LeaseLost from error
            log.warning("database_away", task_id=held.task_id, error=error.message)
            held.pause(PATIENCE[min(tries, len(PATIENCE) - 1)])
            tries += 1
