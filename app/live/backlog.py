"""What Viewers of one process read from the rows: a few at a time, and what many ask for once."""

import threading
import time
from collections import OrderedDict
from collections.abc import Sequence

from app.db import events, tasks, watch
from app.db.engine import Connection, Database
from app.db.events import Chunk
from app.db.watch import Stand
from app.domain.task import Attempt, SessionId, Task, TaskId
from app.live.feed import Snapshot
from app.live.message import task_message

#: Viewers that may read at the same time: the connection pool is also there for requests.
_READERS = 6
#: Bytes of Events read at once for one Viewer: what a slow one holds in memory.
_PAGE = 256 * 1024
#: Bytes of task messages kept for other Viewers that want the same, which is a matter of seconds.
_KEPT = 512 * 1024


def instant() -> int:
    """Return a point on the clock that Snapshots and Notices are compared by."""
    return time.monotonic_ns()


class Backlog:
    """Reads rows for Viewers; raises NotFound and Unavailable as the verbs do."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._readers = threading.BoundedSemaphore(_READERS)
        self._turns = [threading.Lock() for _ in range(16)]
        self._kept: OrderedDict[TaskId, Snapshot] = OrderedDict()
        self._kept_bytes = 0
        self._keeping = threading.Lock()

    def events(self, task_id: TaskId, after: int) -> Sequence[Chunk]:
        """Return stored Chunks with what comes after a seq, about a page of them."""
        with self._readers:
            return self._db.read(events.read_chunks, task_id, after, max_bytes=_PAGE)

    def task(self, task_id: TaskId, since: int) -> Snapshot:
        """Return the Task as it was at the instant `since` or later; all who ask together share one read."""
        with self._turns[hash(task_id) % len(self._turns)]:
            kept = self._kept.get(task_id)
            if kept is not None and kept.began >= since:
                return kept
            with self._readers:
                began = instant()
                snapshot = _snapshot(*self._db.read(_task_and_attempts, task_id), began)
            self._keep(snapshot)
            return snapshot

    def stands(self, session_id: SessionId | None) -> Sequence[Stand]:
        """Return where the Tasks of the Session stand, in order; None: those that run."""
        with self._readers:
            if session_id is None:
                return self._db.read(watch.running)
            return self._db.read(watch.of, (), [session_id])

    def _keep(self, snapshot: Snapshot) -> None:
        with self._keeping:
            before = self._kept.pop(snapshot.task_id, None)
            self._kept[snapshot.task_id] = snapshot
            self._kept_bytes += len(snapshot.message) - (len(before.message) if before else 0)
            while self._kept_bytes > _KEPT:
                _, dropped = self._kept.popitem(last=False)
                self._kept_bytes -= len(dropped.message)


def _task_and_attempts(c: Connection, task_id: TaskId) -> tuple[Task, list[Attempt]]:
    return tasks.get(c, task_id), tasks.attempts_of(c, task_id)


def _snapshot(task: Task, attempts: Sequence[Attempt], began: int) -> Snapshot:
    return Snapshot(
        task_id=task.id,
        position=task.position,
        state=task.state,
        last_seq=task.last_seq,
        marks=(task.state, task.attempt, task.hold, task.cancel_requested),
        began=began,
        # A copy: orjson leaves its buffer of 8 KB behind a message of one, for as long as that is kept.
        message=bytes(memoryview(task_message(task, attempts))),
    )
