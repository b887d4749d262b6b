"""The Hub: one Redis subscription per web process for all its Viewers, and the rows as a safety net."""

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import structlog

from app.db import watch
from app.db.engine import Database
from app.db.watch import Stand
from app.domain.task import SessionId, TaskId
from app.errors import Unavailable
from app.live.backlog import Backlog, instant
from app.live.channel import TASKS, Notice, session_channel
from app.live.message import Batch
from app.live.subscription import Subscription
from app.live.viewer import RESTARTING, Viewer

log = structlog.get_logger()

_TASKS = TASKS.encode()


@dataclass(frozen=True)
class Pace:
    """Seconds."""

    #: Between two looks at the rows while Redis is up, and while it is not.
    up: float = 4.0
    down: float = 0.75
    #: A Viewer waits this long for its subscription before it reads the rows.
    subscribe: float = 1.0
    #: A channel is kept this long after its last Viewer left: most come back.
    linger: float = 3.0


@dataclass(frozen=True)
class Interest:
    """What a Viewer looks at: one Task, all Tasks of a Session, or (neither) the states of all."""

    session_id: SessionId | None = None
    task_id: TaskId | None = None


#: The states of all Tasks.
ALL = Interest()


class Hub:
    """Hands Notices to the Viewers they concern; no Viewer's failure reaches another."""

    def __init__(self, db: Database, redis_url: str, *, pace: Pace = Pace()) -> None:
        self.backlog = Backlog(db)
        self._db = db
        self._pace = pace
        self._viewers: dict[Interest, set[Viewer]] = defaultdict(set)
        self._idle_since: dict[str, float] = {}
        self._lock = threading.Lock()
        self._nudge = threading.Event()
        self._stopping = threading.Event()
        self._stands: dict[TaskId, Stand] | None = None
        self._subscription = Subscription(redis_url, heard=self._heard, resumed=self._nudge.set)

    def start(self) -> None:
        """Listen to Redis and look after the rows, in two threads (or greenlets) of this process."""
        self._subscription.want(TASKS)
        self._subscription.start()
        threading.Thread(target=self._heal_for_ever, name="live-heal", daemon=True).start()

    @property
    def viewers(self) -> int:
        """How many Viewers there are."""
        return sum(map(len, list(self._viewers.values())))

    @property
    def channels(self) -> frozenset[str]:
        """What is subscribed to now."""
        return self._subscription.channels

    @property
    def redis_up(self) -> bool:
        """Whether Notices can come, as far as known."""
        return self._subscription.up

    @contextmanager
    def watching(self, interest: Interest, viewer: Viewer) -> Iterator[None]:
        """Tell `viewer` what happens; rows that are read within this miss nothing."""
        with self._lock:
            self._viewers[interest].add(viewer)
            confirmed = self._subscription.want(_channel(interest))
        try:
            if self._stopping.is_set():
                viewer.stop(RESTARTING)
            if self._subscription.up:
                confirmed.wait(self._pace.subscribe)
            if interest == ALL:
                self._remember_stands()
            yield
        finally:
            with self._lock:
                self._leave(interest, viewer)

    def close_all(self, code: int = RESTARTING, *, patience: float = 2.0) -> None:
        """Close every Viewer's socket and stop; those that don't take their goodbye are cut off."""
        self._stopping.set()
        self._nudge.set()
        for viewer in self._everybody():
            viewer.stop(code, "The server restarts: come back with after.")
        deadline = time.monotonic() + patience
        while self.viewers and time.monotonic() < deadline:
            time.sleep(0.02)
        for viewer in self._everybody():
            viewer.abort()
        self._subscription.stop()

    def _leave(self, interest: Interest, viewer: Viewer) -> None:
        self._viewers[interest].discard(viewer)
        if not self._viewers[interest]:
            del self._viewers[interest]
            if interest != ALL:
                self._idle_since[_channel(interest)] = time.monotonic()

    def _everybody(self) -> list[Viewer]:
        with self._lock:
            return [viewer for viewers in self._viewers.values() for viewer in viewers]

    def _heard(self, channel: bytes, data: bytes) -> None:
        try:
            notice = Notice.decode(data)
        except ValueError:
            log.warning("live_message_not_a_notice", channel=channel.decode(errors="replace"), size=len(data))
            return
        at = instant()
        if channel == _TASKS:
            self._tell(ALL, lambda viewer: viewer.change(notice.task_id, notice.last_seq, at))
        else:
            self._spread(notice.session_id, notice.task_id, _news(notice, at))

    def _spread(self, session_id: SessionId, task_id: TaskId, tell: Callable[[Viewer], None]) -> None:
        self._tell(Interest(session_id, task_id), tell)
        self._tell(Interest(session_id), tell)

    def _tell(self, interest: Interest, tell: Callable[[Viewer], None]) -> None:
        with self._lock:
            viewers = list(self._viewers.get(interest, ()))
        for viewer in viewers:
            try:
                tell(viewer)
            except Exception:
                log.exception("viewer_not_told")
                viewer.stop(1011)

    def _heal_for_ever(self) -> None:
        while not self._stopping.is_set():
            self._nudge.wait(self._pace.up if self._subscription.up else self._pace.down)
            self._nudge.clear()
            try:
                self._heal()
                self._unsubscribe_idle()
            except Unavailable:
                pass  # Viewers wait for the same database, and /readyz says so
            except Exception:
                log.exception("live_heal_failed")

    def _heal(self) -> None:
        """Find in the rows what no Notice told, and tell it."""
        with self._lock:
            interests = list(self._viewers)
        task_ids = {i.task_id for i in interests if i.task_id is not None}
        session_ids = {i.session_id for i in interests if i.session_id is not None and i.task_id is None}
        at = instant()
        for stand in self._db.read(watch.of, task_ids, session_ids) if task_ids or session_ids else ():
            self._spread(stand.session_id, stand.task_id, _stands(stand, at))
        self._heal_states(at)

    def _heal_states(self, at: int) -> None:
        with self._lock:
            before = self._stands
            if ALL not in self._viewers:
                self._stands = None
                return
        self._stands = _by_task(self._db.read(watch.lately))
        if before is None:
            return
        same = {task_id for task_id, stand in before.items() if self._stands.get(task_id) == stand}
        moved = [stand for stand in self._stands.values() if stand.task_id not in same]
        lost = [task_id for task_id in before if task_id not in self._stands]
        for stand in [*moved, *self._db.read(watch.of, lost, ())]:
            self._tell(ALL, _stands(stand, at))

    def _remember_stands(self) -> None:
        """Take what the first Viewer of all states will be compared with, before it reads anything."""
        if self._stands is None:
            with suppress(Unavailable):  # then the next look is what later ones are compared with
                self._stands = _by_task(self._db.read(watch.lately))

    def _unsubscribe_idle(self) -> None:
        with self._lock:
            watched = {_channel(interest) for interest in self._viewers}
            for channel, since in list(self._idle_since.items()):
                if channel in watched:
                    del self._idle_since[channel]
                elif time.monotonic() - since > self._pace.linger:
                    del self._idle_since[channel]
                    self._subscription.unwant(channel)


def _channel(interest: Interest) -> str:
    return TASKS if interest.session_id is None else session_channel(interest.session_id)


def _news(notice: Notice, at: int) -> Callable[[Viewer], None]:
    if notice.first_seq == 0:
        return lambda viewer: viewer.change(notice.task_id, notice.last_seq, at)
    batch = Batch(notice.task_id, notice.first_seq, notice.last_seq, notice.payload)
    return lambda viewer: viewer.hear(batch, at)


def _stands(stand: Stand, at: int) -> Callable[[Viewer], None]:
    return lambda viewer: viewer.learn(stand, at)


def _by_task(stands: Iterable[Stand]) -> dict[TaskId, Stand]:
    return {stand.task_id: stand for stand in stands}
