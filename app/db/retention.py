"""Deleting what is old, a little at a time: no transaction holds a lock for long."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, Select, Table, delete, exists, select, true, tuple_, update

from app.db.rows import chunks, idempotency_keys, machines, outputs, sessions, tasks
from app.domain.task import FINAL, SessionId

#: Rows of output deleted in one transaction; each may hold a quarter of a megabyte.
AT_ONCE = 200
#: Pages of SQLite's file moved in one transaction.
PAGES_AT_ONCE = 500
#: What PRAGMA auto_vacuum says of a file that can shrink; one of before is left as it is.
_INCREMENTAL = 2


def take_old(c: Connection, before: datetime, *, limit: int = 100) -> list[SessionId]:
    """Take Sessions nobody used since `before`, none of whose Tasks waits or runs, and return them.

    From then on nothing is added to them: a follow-up or a retry finds nothing, or came first and is kept.
    """
    alive = exists().where(tasks.c.session_id == sessions.c.id, tasks.c.state.not_in(sorted(FINAL)))
    old = select(sessions.c.id).where(sessions.c.updated_at < before, ~alive, ~sessions.c.going)
    some = old.order_by(sessions.c.updated_at).limit(limit).scalar_subquery()
    # Asked once more in the UPDATE: on Postgres it looks again at a row that it had to wait for.
    still = (sessions.c.id.in_(some), sessions.c.updated_at < before, ~alive)
    c.execute(update(sessions).where(*still).values(going=true()))
    # Those of a purge that did not come to its end too.
    return list(c.execute(select(sessions.c.id).where(sessions.c.going).limit(limit)).scalars())


def delete_some(c: Connection, session_ids: Sequence[SessionId]) -> bool:
    """Delete a part of these Sessions, themselves last; return whether there is more to delete."""
    mine = select(tasks.c.id).where(tasks.c.session_id.in_(session_ids))
    if any(_delete_rows(c, table, mine) for table in (chunks, outputs)):
        return True
    c.execute(delete(sessions).where(sessions.c.id.in_(session_ids)))
    return False


def _delete_rows(c: Connection, table: Table, task_ids: Select[tuple[str]]) -> int:
    key = tuple_(*table.primary_key.columns)
    some = select(*table.primary_key.columns).where(table.c.task_id.in_(task_ids)).limit(AT_ONCE)
    return c.execute(delete(table).where(key.in_(some))).rowcount


def delete_traces(c: Connection, before: datetime) -> None:
    """Delete Idempotency-Keys and Machines of before then."""
    c.execute(delete(idempotency_keys).where(idempotency_keys.c.created_at < before))
    c.execute(delete(machines).where(machines.c.seen_at < before))


def give_back(c: Connection) -> bool:
    """Give some of the room that is free in SQLite's file back to the disk; return whether there is more."""
    if c.dialect.name != "sqlite" or c.exec_driver_sql("PRAGMA auto_vacuum").scalar_one() != _INCREMENTAL:
        return False
    free = int(c.exec_driver_sql("PRAGMA freelist_count").scalar_one())
    for _ in range(min(free, PAGES_AT_ONCE)):
        # It moves a page a step, and Python's driver takes one step where there are no rows to fetch.
        c.exec_driver_sql("PRAGMA incremental_vacuum(1)")
    return free > PAGES_AT_ONCE


def unknown(c: Connection, session_ids: Sequence[str]) -> set[str]:
    """Return those of `session_ids` that no Session has."""
    return set(session_ids) - set(
        c.execute(select(sessions.c.id).where(sessions.c.id.in_(session_ids))).scalars()
    )
