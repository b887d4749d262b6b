"""The Viewer: one WebSocket, driven by its Feed. Whatever happens to it stays with it."""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

import structlog

from app.db.watch import Stand
from app.domain.task import TaskId
from app.errors import NotFound, Unavailable
from app.live.backlog import Backlog, instant
from app.live.feed import Close, Feed, ReadEvents, ReadStands, ReadTask, Send, Step
from app.live.message import Batch

log = structlog.get_logger()

NOT_SIGNED_IN = 4401
NO_SUCH_TASK = 4404
STUCK = 4408
RESTARTING = 1012

#: Seconds after which an open Viewer has to show again that it may see this.
_RECHECK = 20.0
#: Seconds between two tries to read while the database is away.
_PATIENCE = 0.5


class Stuck(Exception):
    """The peer took no byte for too long."""


class Gone(Exception):
    """The peer closed the connection, or it broke."""


class Transport(Protocol):
    """Where a Viewer's messages go."""

    @property
    def pending(self) -> bool:
        """Whether bytes wait for a `flush`."""

    def send(self, message: bytes) -> None:
        """Send all of it, waiting as long as the peer takes bytes; raises Stuck and Gone."""

    def offer(self, message: bytes) -> bool:
        """Send what goes without waiting, keep the rest; False: not now, nothing was taken. Raises Gone."""

    def flush(self) -> None:
        """Send what waits; raises Stuck and Gone."""

    def finish(self, code: int, reason: str) -> None:
        """Close in an orderly way, in a bounded time."""

    def abort(self) -> None:
        """Break the connection now."""


def _always() -> bool:
    return True


class Viewer:
    """Sends a Feed over a Transport from the thread that calls `run`; the hub calls the rest from its own."""

    def __init__(
        self, feed: Feed, transport: Transport, backlog: Backlog, *, allowed: Callable[[], bool] = _always
    ) -> None:
        self._feed = feed
        self._transport = transport
        self._backlog = backlog
        self._allowed = allowed
        self._changed = threading.Condition(threading.Lock())
        self._idle = False
        self._closing: Close | None = None
        self._check_at = time.monotonic() + _RECHECK

    def run(self) -> None:
        """Send until the stream ends, the peer goes or `stop`; then close with the code that says why."""
        try:
            ending = self._stream()
        except Stuck:
            ending = Close(STUCK, "No byte was taken for too long: come back with after.")
        except Gone:
            ending = Close(1000)
        except Exception:
            log.exception("viewer_failed")
            ending = Close(1011, "Something went wrong here: come back with after.")
        with self._changed:
            self._closing = ending
        self._transport.finish(ending.code, ending.reason)

    def hear(self, batch: Batch, at: int) -> None:
        """Take Events; where they are just what comes next, they are sent from here without a switch."""
        with self._changed:
            if self._closing is not None:
                return
            if self._idle and self._feed.follows(batch) and self._offered(batch):
                self._feed.sent(batch)
                if not self._transport.pending:
                    return
            else:
                self._feed.hear(batch, at)
            self._wake()

    def change(self, task_id: TaskId, last_seq: int, at: int) -> None:
        """Take the news of a Task's changed state."""
        with self._changed:
            self._feed.change(task_id, last_seq, at)
            self._wake()

    def learn(self, stand: Stand, at: int) -> None:
        """Take where a Task stands."""
        with self._changed:
            if self._feed.learn(stand, at):
                self._wake()

    def poke(self) -> None:
        """Have a look at the transport: bytes wait."""
        with self._changed:
            self._wake()

    def stop(self, code: int, reason: str = "") -> None:
        """Close from outside, after the message being sent now."""
        with self._changed:
            self._closing = self._closing or Close(code, reason)
            self._wake()

    def abort(self) -> None:
        """Break the connection, also in the middle of a message."""
        self.stop(RESTARTING)
        self._transport.abort()

    def _wake(self) -> None:
        self._idle = False
        self._changed.notify_all()

    def _offered(self, batch: Batch) -> bool:
        with suppress(Gone):  # the thread of `run` finds it out too, and that is where it belongs
            return self._transport.offer(batch.message)
        return False

    def _stream(self) -> Close:
        while True:
            step = self._next()
            match step:
                case Send(message):
                    self._transport.send(message)
                case ReadStands() | ReadTask() | ReadEvents():
                    self._read(step)
                case Close():
                    return step
                case None:
                    self._transport.flush()

    def _next(self) -> Step | None:
        """Wait for something to do; None: flush. Checks now and then whether this Viewer may still look."""
        with self._changed:
            while time.monotonic() < self._check_at:
                if self._closing is not None:
                    return self._closing
                if self._transport.pending:
                    return None
                step = self._feed.next()
                if step is not None:
                    return step
                self._idle = True
                self._changed.wait(max(0.0, self._check_at - time.monotonic()))
                self._idle = False
        self._check_at = time.monotonic() + _RECHECK
        return None if self._still_allowed() else Close(NOT_SIGNED_IN, "Sign in again.")

    def _still_allowed(self) -> bool:
        try:
            return self._allowed()
        except Unavailable:
            return True

    def _read(self, step: ReadStands | ReadTask | ReadEvents) -> None:
        try:
            found = self._look_up(step)
        except Unavailable:
            self._rest()
        else:
            with self._changed:
                found()

    def _look_up(self, step: ReadStands | ReadTask | ReadEvents) -> Callable[[], None]:
        """Read without the lock; return how to tell the Feed."""
        match step:
            case ReadStands(session_id):
                at = instant()
                stands = self._backlog.stands(session_id)
                return lambda: self._feed.begin(stands, at)
            case ReadEvents(task_id, after):
                chunks = self._backlog.events(task_id, after)
                return lambda: self._feed.refill(task_id, chunks)
            case ReadTask(task_id, since):
                try:
                    snapshot = self._backlog.task(task_id, since)
                except NotFound:
                    return lambda: self._feed.forget(task_id)
                return lambda: self._feed.show(snapshot)

    def _rest(self) -> None:
        """The database is away: wait a little, but hear a `stop` at once."""
        until = time.monotonic() + _PATIENCE
        with self._changed:
            while self._closing is None and time.monotonic() < until:
                self._changed.wait(max(0.0, until - time.monotonic()))
