"""The Tasks this worker holds, and the thread that keeps their Leases."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Protocol

import structlog

from app.db import runs
from app.db.engine import Database
from app.domain.task import TaskId
from app.errors import LeaseLost, Locked, Unavailable

log = structlog.get_logger()

#: Seconds between two looks for Tasks that somebody asked to cancel.
POLL = 1.0
#: A tree whose Lease was not renewed for this part of it freezes. The time counts from before the renewal was
#: asked for, and so never from later than the observers' does; the rest is for freezing.
FREEZE_AT = 0.8
#: Seconds between two looks of a run that may not start its CLI yet.
AWAIT_EVERY = 0.1


class Tree(Protocol):
    """What the keeper does to a running CLI's process tree."""

    def wake(self) -> None:
        """Make a waiting read return."""

    def renew(self, until: float) -> None:
        """Let it go on until then; one that is not renewed freezes itself."""

    def kill(self) -> None:
        """End every process of it."""


class Stop(StrEnum):
    """Why a run has to end before its CLI does."""

    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"
    LOST = "lost"


_WEIGHT = {Stop.INTERRUPTED: 0, Stop.CANCELLED: 1, Stop.LOST: 2}


class Held:
    """One claimed Task while this worker runs it; the keeper says `stop`, the run listens."""

    def __init__(
        self,
        task_id: TaskId,
        attempt: int,
        *,
        asked: float,
        patience: float,
        grace: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self.task_id = task_id
        self.attempt = attempt
        #: What was asked last of what weighs most: a shutdown gives way to a cancel, both to a lost Lease.
        self.stop: Stop | None = None
        #: The worker shuts down, whatever else was asked.
        self.closing = False
        #: Somebody else was writing to its row when its Lease was to be renewed.
        self.locked = False
        #: Seconds its tree was frozen for want of a renewal; no fault of the CLI's.
        self.frozen_for = 0.0
        #: Seconds a run may still go on, once the worker shuts down.
        self.grace = grace
        self._patience = patience
        self._renewed_at = asked
        self._tree: Tree | None = None
        self._lock = threading.Lock()
        self._stopped = threading.Event()

    @contextmanager
    def running(self, tree: Tree) -> Iterator[None]:
        """Let the keeper reach the CLI's processes meanwhile; raises LeaseLost where that comes too late."""
        with self._lock:
            if self.stop is Stop.LOST:
                raise LeaseLost
            self._tree = tree
            tree.renew(self._until)
            if self.stop is not None:
                tree.wake()  # it was asked for before there was a tree to wake
        try:
            yield
        finally:
            with self._lock:
                self._tree = None

    def ask(self, stop: Stop) -> None:
        """End the run; a lost Lease ends its processes at once, for somebody else may start them anew."""
        with self._lock:
            self.closing = self.closing or stop is Stop.INTERRUPTED
            if self.stop is None or _WEIGHT[stop] > _WEIGHT[self.stop]:
                self.stop = stop
            self._stopped.set()
            if self._tree is not None:
                if stop is Stop.LOST:
                    self._tree.kill()
                self._tree.wake()

    def pause(self, seconds: float) -> None:
        """Wait, but not longer than until the run is asked to stop."""
        if not self._stopped.wait(seconds):
            return
        # Asked already: do not let a caller that polls turn into a hot loop.
        time.sleep(min(seconds, 0.2))

    def await_lease(self) -> float:
        """Wait until the Lease is good and return until when; raises LeaseLost where it will not be again."""
        while True:
            with self._lock:
                if self.stop is Stop.LOST or (self.closing and self.frozen):
                    raise LeaseLost
                if not self.frozen:
                    return self._until
            time.sleep(AWAIT_EVERY)

    def renewed(self, asked: float) -> None:
        """The Lease was renewed, which was asked for then: the tree may go on, or is thawed."""
        with self._lock:
            if time.monotonic() - asked >= self._patience:
                return  # so late that it has run out again
            self.frozen_for += self._overdue()
            self._renewed_at = asked
            if self._tree is not None:
                self._tree.renew(self._until)

    @property
    def out_of_time(self) -> bool:
        """Whether the worker shuts down and its grace is over."""
        return self.closing and self.grace() <= 0

    @property
    def frozen(self) -> bool:
        """Whether the tree stands still because the Lease was not renewed."""
        return self._overdue() > 0

    @property
    def _until(self) -> float:
        return self._renewed_at + self._patience

    def _overdue(self) -> float:
        return max(0.0, time.monotonic() - self._until)


class LeaseKeeper:
    """Renews the Leases of everything held, in one thread, and hears what others ask of it."""

    def __init__(
        self,
        db: Database,
        *,
        lease_seconds: float,
        beat: Callable[[int], None],
        grace: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self._db = db
        #: Seconds without a renewal after which a tree freezes.
        self.patience = lease_seconds * FREEZE_AT
        self._lease = lease_seconds
        #: Also in the thread: reports the Machine, given how many Tasks it runs.
        self._beat = beat
        self._grace = grace
        #: A worker that lost a Task may claim it again before the first run of it has ended.
        self._held: dict[tuple[TaskId, int], Held] = {}
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="lease-keeper", daemon=True)
        self.closing = False

    def start(self) -> None:
        """Begin to keep."""
        self._thread.start()

    def close(self) -> None:
        """Stop keeping, after everything held has ended."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join(timeout=5)

    @contextmanager
    def hold(self, task_id: TaskId, attempt: int, *, asked: float) -> Iterator[Held]:
        """Keep the Lease of this Attempt, whose claim was asked for then, meanwhile."""
        held = Held(task_id, attempt, asked=asked, patience=self.patience, grace=self._grace)
        with self._lock:
            self._held[task_id, attempt] = held
            if self.closing:
                held.ask(Stop.INTERRUPTED)
        try:
            yield held
        finally:
            with self._lock:
                self._held.pop((task_id, attempt), None)

    def interrupt(self) -> None:
        """Ask every run to end and to give its Task back to the queue."""
        with self._lock:
            self.closing = True
            for held in self._held.values():
                held.ask(Stop.INTERRUPTED)

    @property
    def running(self) -> int:
        """How many Tasks are held."""
        return len(self._held)

    def _keep(self) -> None:
        every = min(5.0, self._lease / 6)
        due = 0.0
        while not self._ended.wait(min(POLL, every)):
            now = time.monotonic()
            try:
                if now >= due:
                    due = now + every
                    self._renew()
                    self._beat(self.running)
                else:
                    self._poll()
            except Unavailable as error:
                log.warning("lease_not_renewed", error=error.message)
            except Exception:
                log.exception("lease_keeper_failed")

    def _current(self) -> list[Held]:
        with self._lock:
            return list(self._held.values())

    def _renew(self) -> None:
        # Who was locked last time comes last: one row that somebody holds must not cost the others theirs.
        for h in sorted(self._current(), key=lambda h: h.locked):
            asked = time.monotonic()
            try:
                cancelled = self._db.write(runs.renew, h.task_id, h.attempt)
            except Locked as error:
                h.locked = True
                log.warning("lease_not_renewed", task_id=h.task_id, error=error.message)
                continue
            h.locked = False
            if cancelled is None:
                # It may simply have ended between our list and the UPDATE; then nobody listens any more.
                h.ask(Stop.LOST)
                continue
            h.renewed(asked)
            if cancelled:
                h.ask(Stop.CANCELLED)

    def _poll(self) -> None:
        held = [h for h in self._current() if h.stop in {None, Stop.INTERRUPTED}]
        if not held:
            return
        asked = self._db.read(runs.cancel_asked, [h.task_id for h in held])
        for h in held:
            if h.task_id in asked:
                h.ask(Stop.CANCELLED)
