"""Where Tasks stand, in one query for all that somebody looks at: what heals a lost Notice."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, or_, select

from app.db.rows import tasks
from app.domain.task import FINAL, SessionId, TaskId, TaskState

_MARKS = (tasks.c.state, tasks.c.attempt, tasks.c.hold, tasks.c.cancel_requested)


@dataclass(frozen=True)
class Stand:
    """How far a Task has come; `marks` differ when a person would want to see it again."""

    task_id: TaskId
    session_id: SessionId
    position: int
    state: TaskState
    last_seq: int
    marks: tuple[object, ...]


def of(c: Connection, task_ids: Collection[TaskId], session_ids: Collection[SessionId]) -> list[Stand]:
    """Return where these Tasks, and all Tasks of these Sessions, stand; in the order of their Sessions."""
    asked: list[ColumnElement[bool]] = []
    if task_ids:
        asked.append(tasks.c.id.in_(task_ids))
    if session_ids:
        asked.append(tasks.c.session_id.in_(session_ids))
    if not asked:
        return []
    return _stands(c, _selected().where(or_(*asked)).order_by(tasks.c.session_id, tasks.c.position))


def lately(c: Connection, *, active: int = 1000, newest: int = 100) -> list[Stand]:
    """Return where the Tasks stand that are not final (up to `active`), and the newest of all."""
    newest_first = _selected().order_by(tasks.c.created_at.desc(), tasks.c.id.desc())
    unfinished = newest_first.where(tasks.c.state.in_(sorted(set(TaskState) - FINAL))).limit(active)
    return list(
        {s.task_id: s for s in _stands(c, unfinished) + _stands(c, newest_first.limit(newest))}.values()
    )


def running(c: Connection, *, limit: int = 100) -> list[Stand]:
    """Return where the running Tasks stand, oldest first."""
    query = _selected().where(tasks.c.state == TaskState.RUNNING).order_by(tasks.c.created_at).limit(limit)
    return _stands(c, query)


def _selected() -> Select[Any]:
    return select(tasks.c.id, tasks.c.session_id, tasks.c.position, tasks.c.last_seq, *_MARKS)


def _stands(c: Connection, query: Select[Any]) -> list[Stand]:
    return [_stand(row) for row in c.execute(query)]


def _stand(row: Row[Any]) -> Stand:
    marks = (TaskState(row.state), row.attempt, row.hold, bool(row.cancel_requested))
    return Stand(row.id, row.session_id, row.position, marks[0], row.last_seq, marks)
