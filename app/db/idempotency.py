"""Idempotency-Key: the same request sent twice makes one Task."""

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import Connection, insert, select
from sqlalchemy.exc import IntegrityError

from app.clock import utcnow
from app.db import tasks as task_verbs
from app.db.rows import idempotency_keys
from app.domain.task import Task, TaskId
from app.errors import Conflict


def once(c: Connection, key: str, fingerprint: str, make: Callable[[Connection], Task]) -> tuple[Task, bool]:
    """Return (the Task, whether it is new); raises Conflict where `key` came with another request before."""
    known = _known(c, key, fingerprint)
    if known is not None:
        return known, False
    try:
        with c.begin_nested():
            task = make(c)
            _keep(c, key, fingerprint, task.id, utcnow())
    except IntegrityError:
        # Somebody else kept the key between our look and our insert: theirs is the Task.
        known = _known(c, key, fingerprint)
        if known is None:
            raise
        return known, False
    return task, True


def _known(c: Connection, key: str, fingerprint: str) -> Task | None:
    row = c.execute(select(idempotency_keys).where(idempotency_keys.c.key == key)).first()
    if row is None:
        return None
    if row.fingerprint != fingerprint:
        raise Conflict(
            "This Idempotency-Key was used for another request. Use a fresh one.", reason="key_reused"
        )
    return task_verbs.get(c, TaskId(row.task_id))


def _keep(c: Connection, key: str, fingerprint: str, task_id: TaskId, at: datetime) -> None:
    c.execute(
        insert(idempotency_keys).values(key=key, fingerprint=fingerprint, task_id=task_id, created_at=at)
    )
