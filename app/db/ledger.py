"""Doorbells that were ignored, and why: what shows that a Task ran once although it was rung for often."""

from enum import StrEnum

from sqlalchemy import Connection, insert, select, update

from app.clock import rfc3339, utcnow
from app.db.rows import ignored, tasks
from app.db.tasks import get
from app.domain.task import Hold, Task, TaskId, TaskState
from app.errors import NotFound


class Why(StrEnum):
    """Why a worker that was told of a Task did not run it."""

    RUNNING = "already_running"
    FINISHED = "already_finished"
    NOT_DUE = "not_due_yet"
    SESSION_BUSY = "session_busy"
    HELD = "held"
    NO_TRY_LEFT = "no_try_left"
    TAKEN = "taken_meanwhile"


def note_ignored(c: Connection, task_id: TaskId) -> Why | None:
    """Count one more ignored doorbell and return why it was; None where there is no such Task."""
    try:
        why = _why(get(c, task_id))
    except NotFound:
        return None
    now = utcnow()
    # The Task's row is the lock under which two workers count.
    c.execute(update(tasks).where(tasks.c.id == task_id).values(rung_at=tasks.c.rung_at))
    mine = (ignored.c.task_id == task_id, ignored.c.why == why)
    counted = update(ignored).where(*mine).values(count=ignored.c.count + 1, last_at=now)
    if not c.execute(counted).rowcount:
        c.execute(insert(ignored).values(task_id=task_id, why=why, count=1, first_at=now, last_at=now))
    return why


def ignored_of(c: Connection, task_id: TaskId) -> list[dict[str, object]]:
    """Return what was ignored for the Task, as the API shows it."""
    rows = c.execute(select(ignored).where(ignored.c.task_id == task_id).order_by(ignored.c.first_at))
    return [
        {
            "why": row.why,
            "count": row.count,
            "first_at": rfc3339(row.first_at),
            "last_at": rfc3339(row.last_at),
        }
        for row in rows
    ]


def _why(task: Task) -> Why:
    if task.state is TaskState.RUNNING:
        return Why.RUNNING
    if task.state.final:
        return Why.FINISHED
    if task.hold is not None:
        return Why.SESSION_BUSY if task.hold is Hold.SESSION_BUSY else Why.HELD
    if task.not_before is not None and task.not_before > utcnow():
        return Why.NOT_DUE
    return Why.NO_TRY_LEFT if task.failures >= task.max_attempts else Why.TAKEN
