"""Running Tasks as an observer sees them, and taking one whose Lease ran out."""

from sqlalchemy import Connection, select, update

from app.clock import utcnow
from app.db import events
from app.db.postgres import wait_for_rows
from app.db.rows import attempts, tasks
from app.db.runs import ROW_PATIENCE
from app.db.tasks import get
from app.domain.reason import Reason, sentence
from app.domain.task import AttemptState, Task, TaskId, TaskState


def running(c: Connection) -> list[tuple[TaskId, int, int]]:
    """Return (Task, Attempt, Lease counter) of everything that runs."""
    query = select(tasks.c.id, tasks.c.attempt, tasks.c.lease).where(tasks.c.state == TaskState.RUNNING)
    return [(TaskId(row.id), row.attempt, row.lease) for row in c.execute(query)]


def rescue(c: Connection, task_id: TaskId, *, attempt: int, counter: int) -> Task | None:
    """Take a Task from an Attempt whose Lease ran out; None where it was renewed or ended meanwhile.

    It goes back to the queue, or ends as cancelled (if that was asked for) or failed (no try left).
    Raises Locked where somebody else has the row for longer than `ROW_PATIENCE`.
    """
    wait_for_rows(c, ROW_PATIENCE)
    fence = (tasks.c.attempt == attempt, tasks.c.lease == counter, tasks.c.state == TaskState.RUNNING)
    row = c.execute(
        update(tasks)
        .where(tasks.c.id == task_id, *fence)
        .values(failures=tasks.c.failures + 1, lease=tasks.c.lease + 1, rung_at=None)
        .returning(tasks.c.failures, tasks.c.max_attempts, tasks.c.cancel_requested)
    ).first()
    if row is None:
        return None
    if row.cancel_requested:
        state, reason = TaskState.CANCELLED, Reason.CANCELLED
    else:
        state = TaskState.QUEUED if row.failures < row.max_attempts else TaskState.FAILED
        reason = Reason.WORKER_LOST
    now, detail = utcnow(), sentence(reason)
    end = {"state": state, "reason": reason, "detail": detail}
    c.execute(
        update(tasks)
        .where(tasks.c.id == task_id)
        .values(**end, finished_at=now if state.final else None, cancel_requested=False)
    )
    c.execute(
        update(attempts)
        .where(attempts.c.task_id == task_id, attempts.c.number == attempt)
        .values(state=AttemptState.LOST, reason=Reason.WORKER_LOST, detail=detail, finished_at=now)
    )
    events.append_status(c, task_id, state, detail, now)
    return get(c, task_id)
