"""Deleting what is old, a little at a time: no transaction holds a lock for long."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, Table, delete, exists, select, tuple_

from app.db.rows import chunks, idempotency_keys, machines, outputs, sessions, tasks
from app.domain.task import FINAL, SessionId

#: Rows of output deleted in one transaction; each may hold a quarter of a megabyte.
AT_ONCE = 200


def old_sessions(c: Connection, before: datetime, *, limit: int = 100) -> list[SessionId]:
    """Return Sessions nobody used since `before`, none of whose Tasks waits or runs."""
    alive = exists().where(tasks.c.session_id == sessions.c.id, tasks.c.state.not_in(sorted(FINAL)))
    query = select(sessions.c.id).where(sessions.c.updated_at < before, ~alive)
    return list(c.execute(query.order_by(sessions.c.updated_at).limit(limit)).scalars())


def delete_some(c: Connection, session_id: SessionId) -> bool:
    """Delete a part of the Session, the Session itself last; return whether there is more to delete."""
    mine = list(c.execute(select(tasks.c.id).where(tasks.c.session_id == session_id)).scalars())
    for table in (chunks, outputs):
        if mine and _delete_rows(c, table, mine):
            return True
    c.execute(delete(sessions).where(sessions.c.id == session_id))
    return False


def _delete_rows(c: Connection, table: Table, task_ids: Sequence[str]) -> int:
    key = tuple_(*table.primary_key.columns)
    some = select(*table.primary_key.columns).where(table.c.task_id.in_(task_ids)).limit(AT_ONCE)
    return c.execute(delete(table).where(key.in_(some))).rowcount


def delete_traces(c: Connection, before: datetime) -> None:
    """Delete Idempotency-Keys and Machines of before then."""
    c.execute(delete(idempotency_keys).where(idempotency_keys.c.created_at < before))
    c.execute(delete(machines).where(machines.c.seen_at < before))


def unknown(c: Connection, session_ids: Sequence[str]) -> set[str]:
    """Return those of `session_ids` that no Session has."""
    return set(session_ids) - set(
        c.execute(select(sessions.c.id).where(sessions.c.id.in_(session_ids))).scalars()
    )
