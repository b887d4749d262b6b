"""The audit: who did what. Entries are added and, when they are old, deleted; none is ever changed."""

import uuid
from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from sqlalchemy import Connection, and_, delete, insert, or_, select

from app.clock import utcnow
from app.db.rows import audit
from app.domain.access import Entry, Recorded

T = TypeVar("T")


def add(c: Connection, entry: Entry) -> None:
    """Write one down."""
    row = entry.model_dump()
    row["actor"], row["object"] = entry.actor[:64], entry.object[:200]
    c.execute(insert(audit).values(**row, id=str(uuid.uuid4()), at=utcnow()))


def along(c: Connection, work: Callable[[Connection], T], entry: Callable[[T], Entry | None]) -> T:
    """Do `work` and write down what it was, both or neither."""
    done = work(c)
    written = entry(done)
    if written is not None:
        add(c, written)
    return done


def page(
    c: Connection,
    *,
    limit: int,
    before: tuple[datetime, str] | None,
    action: str | None = None,
    actor: str | None = None,
) -> list[Recorded]:
    """Return entries, newest first, those after the place `before`."""
    query = select(audit).order_by(audit.c.at.desc(), audit.c.id.desc()).limit(limit)
    if before is not None:
        at, identifier = before
        query = query.where(or_(audit.c.at < at, and_(audit.c.at == at, audit.c.id < identifier)))
    if action is not None:
        query = query.where(audit.c.action == action)
    if actor is not None:
        query = query.where(audit.c.actor == actor)
    return [
        Recorded.model_validate({name: getattr(row, name) for name in Recorded.model_fields})
        for row in c.execute(query)
    ]


def delete_old(c: Connection, before: datetime, *, limit: int = 1000) -> bool:
    """Delete some of what was written before then; return whether there may be more."""
    some = select(audit.c.id).where(audit.c.at < before).limit(limit)
    return c.execute(delete(audit).where(audit.c.id.in_(some))).rowcount == limit
