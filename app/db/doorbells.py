"""Which queued Tasks somebody should be told of, and when that was done."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, func, or_, select, update

from app.db.rows import tasks
from app.db.tasks import due
from app.domain.task import TaskId

#: How far the clocks of two hosts may be apart.
SKEW = timedelta(minutes=1)


def unrung(c: Connection, *, now: datetime, rung_before: datetime, limit: int) -> list[tuple[TaskId, bool]]:
    """Return Tasks that are due and that nobody was told of since `rung_before`, oldest first.

    With each comes whether somebody was told before that.
    """
    # A time in the future is that of a clock which was wrong; waiting for it could take for ever.
    silent = or_(tasks.c.rung_at.is_(None), tasks.c.rung_at < rung_before, tasks.c.rung_at > now + SKEW)
    query = select(tasks.c.id, tasks.c.rung_at.is_not(None).label("told")).where(due(now), silent)
    rows = c.execute(query.order_by(tasks.c.created_at, tasks.c.id).limit(limit))
    return [(TaskId(row.id), bool(row.told)) for row in rows]


def count_due(c: Connection, now: datetime) -> int:
    """Return how many Tasks a worker could begin with now."""
    return c.execute(select(func.count()).select_from(tasks).where(due(now))).scalar_one()


def mark_rung(c: Connection, task_ids: Sequence[TaskId], at: datetime) -> None:
    """Remember that workers were told of these Tasks."""
    c.execute(update(tasks).where(tasks.c.id.in_(sorted(task_ids))).values(rung_at=at))


def unmark(c: Connection, task_id: TaskId) -> None:
    """Remember that nobody acted on the message for this Task."""
    c.execute(update(tasks).where(tasks.c.id == task_id).values(rung_at=None))
