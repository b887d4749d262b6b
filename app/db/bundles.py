"""What an agent committed, from the end of its run until control has pushed it.

It is in a row, so that whoever pushes needs no workspace, and a worker no token that can push.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, insert, select

from app.clock import utcnow
from app.db.github_rows import bundles
from app.db.rows import tasks
from app.domain.task import TaskId, TaskState
from app.errors import LeaseLost


@dataclass(frozen=True)
class Bundle:
    """The work of one Attempt."""

    attempt: int
    #: What it goes on top of: branch, sha, base, pull_number.
    start: dict[str, Any]
    #: A git bundle, or nothing.
    data: bytes
    note: str = ""


def put(c: Connection, task_id: TaskId, bundle: Bundle) -> None:
    """Keep it in the place of an earlier one; raises LeaseLost where the Attempt is no longer ours."""
    ours = (tasks.c.id == task_id, tasks.c.attempt == bundle.attempt, tasks.c.state == TaskState.RUNNING)
    if c.execute(select(tasks.c.id).where(*ours).with_for_update()).first() is None:
        raise LeaseLost
    c.execute(delete(bundles).where(bundles.c.task_id == task_id))
    values = {"attempt": bundle.attempt, "start": bundle.start, "data": bundle.data, "note": bundle.note}
    c.execute(insert(bundles).values(task_id=task_id, created_at=utcnow(), **values))


def of_task(c: Connection, task_id: TaskId, attempt: int) -> Bundle | None:
    """Return what that Attempt left, None where it left nothing."""
    mine = (bundles.c.task_id == task_id, bundles.c.attempt == attempt)
    row = c.execute(select(bundles).where(*mine)).first()
    return None if row is None else Bundle(row.attempt, row.start, bytes(row.data), row.note)


def drop(c: Connection, task_id: TaskId) -> None:
    """Forget it: it is pushed, or never will be."""
    c.execute(delete(bundles).where(bundles.c.task_id == task_id))
