"""Which queued Tasks somebody should be told of, and when that was done."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, or_, select, update

from app.db.rows import tasks
from app.db.tasks import due
from app.domain.task import TaskId


def unrung(c: Connection, *, now: datetime, rung_before: datetime, limit: int) -> list[TaskId]:
    """Return Tasks that are due and that nobody was told of since `rung_before`, oldest first."""
    silent = or_(tasks.c.rung_at.is_(None), tasks.c.rung_at < rung_before)
    query = select(tasks.c.id).where(due(now), silent).order_by(tasks.c.created_at, tasks.c.id)
    return list(c.execute(query.limit(limit)).scalars())


def mark_rung(c: Connection, task_ids: Sequence[TaskId], at: datetime) -> None:
    """Remember that workers were told of these Tasks."""
    c.execute(update(tasks).where(tasks.c.id.in_(sorted(task_ids))).values(rung_at=at))


def unmark(c: Connection, task_id: TaskId) -> None:
    """Remember that nobody acted on the message for this Task."""
    c.execute(update(tasks).where(tasks.c.id == task_id).values(rung_at=None))
