"""Machines report themselves here; who was seen lately is alive."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from app.clock import utcnow
from app.db.rows import machines
from app.domain.machine import Machine

#: Seconds without a report after which a Machine counts as gone.
ALIVE_WITHIN = 20


def report(c: Connection, machine: Machine) -> None:
    """Insert or refresh the Machine's row."""
    row = machine.model_dump(mode="python")
    row["clis"] = machine.model_dump(mode="json")["clis"]
    changed = update(machines).where(machines.c.id == machine.id).values(**row)
    if not c.execute(changed).rowcount:
        c.execute(insert(machines).values(**row))


def goodbye(c: Connection, machine_id: str) -> None:
    """Say that this Machine stopped by itself."""
    c.execute(update(machines).where(machines.c.id == machine_id).values(stopped_at=utcnow()))


def alive(c: Connection, *, role: str | None = None, since: datetime | None = None) -> list[Machine]:
    """Return the Machines seen within ALIVE_WITHIN (and started after `since`), of one role if given."""
    query = select(machines).where(
        machines.c.seen_at >= utcnow() - timedelta(seconds=ALIVE_WITHIN), machines.c.stopped_at.is_(None)
    )
    if role is not None:
        query = query.where(machines.c.role == role)
    if since is not None:
        query = query.where(machines.c.started_at >= since)
    return [_machine(row) for row in c.execute(query.order_by(machines.c.role, machines.c.name))]


def recent(c: Connection, *, limit: int = 100) -> list[Machine]:
    """Return the Machines last seen, newest first, those that are gone included."""
    query = select(machines).order_by(machines.c.seen_at.desc()).limit(limit)
    return [_machine(row) for row in c.execute(query)]


def forget(c: Connection, before: datetime) -> int:
    """Delete Machines not seen since `before`; return how many."""
    return c.execute(delete(machines).where(machines.c.seen_at < before)).rowcount


def _machine(row: Any) -> Machine:
    return Machine.model_validate({name: getattr(row, name) for name in Machine.model_fields})
