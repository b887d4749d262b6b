"""Machines report themselves here; who was seen lately is alive, and who swept lately watches."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, func, insert, select, update

from app.clock import utcnow
from app.db.rows import machines
from app.domain.machine import Machine, Role

#: Seconds without a report after which a Machine counts as gone.
ALIVE_WITHIN = 20


def report(c: Connection, machine: Machine) -> None:
    """Insert or refresh the Machine's row; times are the database's, as hosts' clocks may be hours apart."""
    row = machine.model_dump(mode="python", exclude={"seen_at", "swept_at"})
    row["clis"] = machine.model_dump(mode="json")["clis"]
    now = database_now(c)
    mine = machines.c.id == machine.id
    before = c.execute(select(machines.c.sweeps, machines.c.swept_at).where(mine)).first()
    if before is None:
        c.execute(insert(machines).values(**row, seen_at=now, swept_at=now))
        return
    swept_at = now if machine.sweeps != before.sweeps else before.swept_at
    c.execute(update(machines).where(mine).values(**row, seen_at=now, swept_at=swept_at))


def goodbye(c: Connection, machine_id: str) -> None:
    """Say that this Machine stopped by itself."""
    c.execute(update(machines).where(machines.c.id == machine_id).values(stopped_at=database_now(c)))


def alive(c: Connection, *, role: str | None = None, since: datetime | None = None) -> list[Machine]:
    """Return the Machines seen within ALIVE_WITHIN (and started after `since`), of one role if given."""
    query = select(machines).where(
        _lately(machines.c.seen_at, database_now(c)), machines.c.stopped_at.is_(None)
    )
    if role is not None:
        query = query.where(machines.c.role == role)
    if since is not None:
        query = query.where(machines.c.started_at >= since)
    return [_machine(row) for row in c.execute(query.order_by(machines.c.role, machines.c.name))]


def watching(c: Connection) -> bool:
    """Whether a control process watches over Leases and doorbells: it is alive, and its sweeps succeed."""
    now = database_now(c)
    query = select(func.count()).where(
        machines.c.role == Role.CONTROL,
        machines.c.stopped_at.is_(None),
        _lately(machines.c.seen_at, now),
        _lately(machines.c.swept_at, now),
    )
    return c.execute(query).scalar_one() > 0


def sweeps(c: Connection) -> list[tuple[str, int]]:
    """Return (id, sweeps) of each control process that has not said goodbye, whatever any clock says."""
    query = select(machines.c.id, machines.c.sweeps)
    query = query.where(machines.c.role == Role.CONTROL, machines.c.stopped_at.is_(None))
    return [(row.id, row.sweeps) for row in c.execute(query)]


def recent(c: Connection, *, limit: int = 100, within: timedelta = timedelta(days=1)) -> list[Machine]:
    """Return the Machines seen within that time, newest first, those that are gone included."""
    query = select(machines).where(machines.c.seen_at >= database_now(c) - within)
    return [_machine(row) for row in c.execute(query.order_by(machines.c.seen_at.desc()).limit(limit))]


def forget(c: Connection, before: datetime) -> int:
    """Delete Machines not seen since `before`; return how many."""
    return c.execute(delete(machines).where(machines.c.seen_at < before)).rowcount


def database_now(c: Connection) -> datetime:
    """Return the time by the one clock that all who use this database share."""
    if c.dialect.name == "sqlite":
        return utcnow()  # one machine, one clock
    now: datetime = c.execute(select(func.clock_timestamp())).scalar_one()
    return now


def _lately(column: ColumnElement[datetime], now: datetime) -> ColumnElement[bool]:
    """Neither long ago nor in the future: that is a clock that was turned back since."""
    within = timedelta(seconds=ALIVE_WITHIN)
    return and_(column >= now - within, column <= now + within)


def _machine(row: Any) -> Machine:
    return Machine.model_validate({name: getattr(row, name) for name in Machine.model_fields})
