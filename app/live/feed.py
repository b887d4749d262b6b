"""What one Viewer was sent and what comes next. No I/O, no clock, no lock: the Viewer does the steps.

Every order of Notices, however lost, doubled or mixed up, gives each Event once and in order, because a
Batch is only sent where it follows on what was sent, and everything else is read from the rows.
"""

from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass, replace

from app.db.events import Chunk
from app.db.watch import Stand
from app.domain.task import SessionId, TaskId, TaskState
from app.live.cursor import Cursor
from app.live.message import Batch, end_message

#: Bytes of Events that wait for one Viewer; more are dropped and read from the rows.
ROOM = 512 * 1024
#: Tasks a Viewer of all Tasks remembers having been shown.
_REMEMBERED = 1000


@dataclass(frozen=True)
class Send:
    """Send this message."""

    message: bytes


@dataclass(frozen=True)
class ReadStands:
    """Read where the Tasks of the Session stand (None: the running ones), and give it to `begin`."""

    session_id: SessionId | None


@dataclass(frozen=True)
class ReadTask:
    """Read the Task's row, not earlier than at the instant `since`, and give it to `show`."""

    task_id: TaskId
    since: int


@dataclass(frozen=True)
class ReadEvents:
    """Read what is stored after a seq and give it to `refill`."""

    task_id: TaskId
    after: int


@dataclass(frozen=True)
class Close:
    """Nothing more will come."""

    code: int
    reason: str = ""


Step = Send | ReadStands | ReadTask | ReadEvents | Close


@dataclass(frozen=True)
class Snapshot:
    """A Task as its row said at once: the message, and what decides about the end."""

    task_id: TaskId
    position: int
    state: TaskState
    last_seq: int
    marks: tuple[object, ...]
    #: The instant before it was read: it is no older than this.
    began: int
    message: bytes

    def without_message(self) -> "Snapshot":
        """Return what is worth remembering once it was sent."""
        return replace(self, message=b"")


@dataclass
class Track:
    """One Task as one Viewer has it."""

    task_id: TaskId
    #: seq of the last Event sent (or that the client said it has).
    sent: int = 0
    #: Highest seq known to be stored.
    known: int = 0
    position: int = 1_000_000_000
    snapshot: Snapshot | None = None


class Feed:
    """What all feeds share: messages ready to go, and Tasks whose message is out of date."""

    def __init__(self) -> None:
        self._ready: deque[bytes] = deque()
        self._stale: dict[TaskId, int] = {}

    def next(self) -> Step | None:
        """Return what to do now; None: wait for news."""
        if self._ready:
            return Send(self._ready.popleft())
        if self._stale:
            task_id = self._most_urgent()
            return ReadTask(task_id, self._stale[task_id])
        return None

    def follows(self, batch: Batch) -> bool:  # noqa: ARG002 - the base has no use for Events
        """Whether nothing else is to be done before `batch`, and it is exactly what comes next."""
        return False

    def sent(self, batch: Batch) -> None:
        """Note that a Batch that `follows` was sent."""

    def hear(self, batch: Batch, at: int) -> None:
        """Take Events from a Notice that came at the instant `at`."""

    def refill(self, task_id: TaskId, chunks: Sequence[Chunk]) -> None:
        """Take what ReadEvents found."""

    def change(self, task_id: TaskId, last_seq: int, at: int) -> None:  # noqa: ARG002 - for feeds with Events
        """Take the news that a Task's row changed before the instant `at`."""
        self._stale[task_id] = at

    def learn(self, stand: Stand, at: int) -> bool:
        """Take where a Task stands, read from its row after the instant `at`; return whether it is news."""
        raise NotImplementedError

    def begin(self, stands: Sequence[Stand], at: int) -> None:
        """Take what ReadStands found after the instant `at`."""
        raise NotImplementedError

    def show(self, snapshot: Snapshot) -> None:
        """Take what ReadTask found; where the row changed again while it was read, it is read again."""
        if self._stale.get(snapshot.task_id, 0) <= snapshot.began:
            self._stale.pop(snapshot.task_id, None)
        self._ready.append(snapshot.message)

    def forget(self, task_id: TaskId) -> None:
        """Take the news that the Task is no more."""
        self._stale.pop(task_id, None)

    def _most_urgent(self) -> TaskId:
        return next(iter(self._stale))


class TasksFeed(Feed):
    """State changes of all Tasks; begins with those that run."""

    def __init__(self) -> None:
        super().__init__()
        self._shown: OrderedDict[TaskId, Snapshot] = OrderedDict()
        self._begun = False

    def next(self) -> Step | None:
        """Return what to do now."""
        return super().next() if self._begun else ReadStands(None)

    def begin(self, stands: Sequence[Stand], at: int) -> None:
        """Show the Tasks that run."""
        self._begun = True
        for stand in stands:
            self._stale[stand.task_id] = at

    def learn(self, stand: Stand, at: int) -> bool:
        """Show the Task again where the message it was shown with is outdated."""
        outdated = _outdated(self._shown.get(stand.task_id), stand, at)
        if outdated:
            self._stale[stand.task_id] = at
        return outdated

    def show(self, snapshot: Snapshot) -> None:
        """Remember what was shown, so that `learn` doesn't show it twice."""
        super().show(snapshot)
        self._shown[snapshot.task_id] = snapshot.without_message()
        self._shown.move_to_end(snapshot.task_id)
        if len(self._shown) > _REMEMBERED:
            self._shown.popitem(last=False)


class EventsFeed(Feed):
    """Events and state changes of some Tasks."""

    def __init__(self, *, room: int = ROOM) -> None:
        super().__init__()
        self._tracks: dict[TaskId, Track] = {}
        self._behind: set[TaskId] = set()
        self._queue: deque[Batch] = deque()
        self._held = 0
        self._room = room

    def next(self) -> Step | None:
        """Return what to do now: messages of Tasks first, then Events in order."""
        return super().next() or self._queued() or self._missing()

    def follows(self, batch: Batch) -> bool:
        """Whether `batch` may be sent at once."""
        track = self._tracks.get(batch.task_id)
        idle = not (self._ready or self._stale or self._queue or self._behind)
        # A Batch too large to be published has no payload: its Events are in the rows only.
        return idle and bool(batch.payload) and track is not None and batch.first_seq == track.sent + 1

    def sent(self, batch: Batch) -> None:
        """Move on past `batch`."""
        self._move(self._tracks[batch.task_id], batch.last_seq)

    def hear(self, batch: Batch, at: int) -> None:
        """Keep Events from a Notice until their turn comes; too many are dropped and read from the rows."""
        track = self._track(batch.task_id, at)
        if track is None or batch.last_seq <= track.sent:
            return
        if self._held + len(batch.payload) > self._room:
            self._drop_queue()
        if not batch.payload or len(batch.payload) > self._room:
            self._know(track, batch.last_seq)
            return
        self._queue.append(batch)
        self._held += len(batch.payload)

    def change(self, task_id: TaskId, last_seq: int, at: int) -> None:
        """Show the Task again, and its Events up to `last_seq`."""
        track = self._track(task_id, at)
        if track is not None:
            self._stale[task_id] = at
            self._know(track, last_seq)

    def learn(self, stand: Stand, at: int) -> bool:
        """Notice what no Notice told."""
        track = self._track(stand.task_id, at)
        if track is None:
            return False
        self._know(track, stand.last_seq)
        if _outdated(track.snapshot, stand, at):
            self._stale[stand.task_id] = at
        return stand.task_id in self._stale or stand.task_id in self._behind

    def show(self, snapshot: Snapshot) -> None:
        """Send the Task, then its Events up to the seq it had."""
        super().show(snapshot)
        track = self._tracks.get(snapshot.task_id)
        if track is not None:
            track.snapshot, track.position = snapshot.without_message(), snapshot.position
            self._know(track, snapshot.last_seq)

    def refill(self, task_id: TaskId, chunks: Sequence[Chunk]) -> None:
        """Send what the rows have; the first Chunk may begin with what was sent."""
        track = self._tracks[task_id]
        for chunk in chunks:
            batch = Batch(task_id, chunk.first_seq, chunk.last_seq, chunk.payload)
            self._ready.append(batch.after(track.sent))
            self._move(track, chunk.last_seq)
        if not chunks:
            self._believe_rows(track)

    def forget(self, task_id: TaskId) -> None:
        """Go on without the Task."""
        super().forget(task_id)
        track = self._tracks.get(task_id)
        if track is not None:
            self._believe_rows(track)
            del self._tracks[task_id]

    def _most_urgent(self) -> TaskId:
        return min(self._stale, key=lambda task_id: self._tracks[task_id].position)

    def _track(self, task_id: TaskId, at: int) -> Track | None:  # noqa: ARG002 - for feeds that take new Tasks
        return self._tracks.get(task_id)

    def _know(self, track: Track, seq: int) -> None:
        track.known = max(track.known, seq)
        if track.known > track.sent:
            self._behind.add(track.task_id)

    def _move(self, track: Track, seq: int) -> None:
        track.sent = max(track.sent, seq)
        if track.sent >= track.known:
            self._behind.discard(track.task_id)

    def _believe_rows(self, track: Track) -> None:
        """Forget what Notices claimed: there is no such row, and waiting for it would never end."""
        track.known = track.sent
        self._behind.discard(track.task_id)
        self._queue = deque(b for b in self._queue if b.task_id != track.task_id)
        self._held = sum(len(b.payload) for b in self._queue)

    def _drop_queue(self) -> None:
        while self._queue:
            batch = self._queue.popleft()
            self._know(self._tracks[batch.task_id], batch.last_seq)
        self._held = 0

    def _queued(self) -> Step | None:
        while self._queue:
            batch = self._queue[0]
            track = self._tracks[batch.task_id]
            if batch.first_seq > track.sent + 1:
                return ReadEvents(track.task_id, track.sent)
            self._queue.popleft()
            self._held -= len(batch.payload)
            if batch.last_seq > track.sent:
                message = batch.after(track.sent)
                self._move(track, batch.last_seq)
                return Send(message)
        return None

    def _missing(self) -> Step | None:
        if not self._behind:
            return None
        track = min((self._tracks[task_id] for task_id in self._behind), key=lambda t: t.position)
        return ReadEvents(track.task_id, track.sent)


class TaskFeed(EventsFeed):
    """One Task, from after a seq to its end."""

    def __init__(self, task_id: TaskId, after: int, at: int, *, room: int = ROOM) -> None:
        super().__init__(room=room)
        self._only = self._tracks[task_id] = Track(task_id, after)
        self._stale[task_id] = at
        self._checked = after
        self._over: Close | None = None

    def next(self) -> Step | None:
        """Return what to do now; the end comes when nothing else is left."""
        return super().next() or self._over or self._end()

    def forget(self, task_id: TaskId) -> None:
        """End: there is nothing else."""
        super().forget(task_id)
        self._over = Close(4404, "There is no such task any more.")

    def _end(self) -> Step | None:
        shown, sent = self._only.snapshot, self._only.sent
        if shown is None or not shown.state.final:
            return None
        if sent > shown.last_seq and sent != self._checked:
            # There is more than there was when the Task was final: it was retried since. Look again, once.
            self._checked = sent
            self._stale[self._only.task_id] = shown.began + 1
            return super().next()
        self._over = Close(1000)
        return Send(end_message(shown.state, shown.last_seq))


class SessionFeed(EventsFeed):
    """All Tasks of a Session in their order, and those to come; it never ends by itself."""

    def __init__(self, session_id: SessionId, cursor: Cursor, *, room: int = ROOM) -> None:
        super().__init__(room=room)
        self._session_id = session_id
        self._cursor = cursor
        self._begun = False

    def next(self) -> Step | None:
        """Return what to do now; first of all, which Tasks there are."""
        return super().next() if self._begun else ReadStands(self._session_id)

    def begin(self, stands: Sequence[Stand], at: int) -> None:
        """Begin each Task where the client's cursor says."""
        self._begun = True
        for stand in stands:
            track = Track(stand.task_id, self._cursor.after(stand), position=stand.position)
            self._tracks[stand.task_id] = track
            self._know(track, stand.last_seq)
            self._stale[stand.task_id] = at

    def follows(self, batch: Batch) -> bool:
        """Whether `batch` may be sent at once."""
        return self._begun and super().follows(batch)

    def _track(self, task_id: TaskId, at: int) -> Track | None:
        # Before `begin` nothing is lost: where the Tasks stand is read later than that.
        if self._begun and task_id not in self._tracks:
            self._tracks[task_id] = Track(task_id)
            self._stale[task_id] = at
        return self._tracks.get(task_id)


def _outdated(shown: Snapshot | None, stand: Stand, at: int) -> bool:
    return shown is None or (shown.began < at and shown.marks != stand.marks)
