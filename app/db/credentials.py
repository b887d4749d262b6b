"""Credentials: kept, replaced, refused, refreshed by one at a time; and the Tasks that wait for one."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from app.clock import utcnow
from app.db.machines import database_now
from app.db.rows import credentials, tasks
from app.db.tasks import get as get_task
from app.domain.credential import Credential, CredentialState, Kind, pause_before_probe
from app.domain.reason import Reason
from app.domain.task import Hold, Task, TaskId, TaskState
from app.errors import NotFound

_FIELDS = tuple(Credential.model_fields)
#: Seconds after which a CLI that was refused would have ended.
LET_IN = 60.0
#: What a new value, or an end of the trouble, makes undone.
_FRESH: dict[str, Any] = {
    "state": CredentialState.USABLE,
    "detail": "",
    "probes": 0,
    "probe_at": None,
    "probe_task": None,
}


def all_of(c: Connection) -> list[Credential]:
    """Return every Credential by name, those that only stand for workers' environments included."""
    return [_credential(row) for row in c.execute(select(credentials).order_by(credentials.c.name))]


def named(c: Connection, names: Collection[str]) -> dict[str, Credential]:
    """Return those of `names` that there are."""
    rows = c.execute(select(credentials).where(credentials.c.name.in_(sorted(names))))
    return {row.name: _credential(row) for row in rows}


def get(c: Connection, name: str) -> Credential:
    """Return one; raises NotFound."""
    found = named(c, [name]).get(name)
    if found is None:
        raise NotFound(f"There is no credential {name[:64]!r}.")
    return found


def put(
    c: Connection,
    name: str,
    *,
    kind: Kind,
    variables: Sequence[str],
    secret: str,
    last4: str,
    expires_at: datetime | None,
) -> Credential:
    """Keep a new Credential, or a new value of one, which is no longer refused then."""
    now = utcnow()
    value: dict[str, Any] = {"kind": kind, "variables": list(variables), "secret": secret, "last4": last4}
    value |= {"updated_at": now, "expires_at": expires_at, "warned": None}
    value |= {**_FRESH, "refresher": None, "refresh_until": None}
    replaced = update(credentials).where(credentials.c.name == name)
    replaced = replaced.values(**value, revision=credentials.c.revision + 1)
    if not c.execute(replaced).rowcount:
        try:
            with c.begin_nested():
                c.execute(insert(credentials).values(name=name, created_at=now, revision=1, **value))
        except IntegrityError:
            c.execute(
                replaced
            )  # somebody else stored one of that name at the same time: the later value stays
    return get(c, name)


def remove(c: Connection, name: str) -> None:
    """Forget a Credential; raises NotFound."""
    if not c.execute(delete(credentials).where(credentials.c.name == name)).rowcount:
        raise NotFound(f"There is no credential {name[:64]!r}.")


def reseal(c: Connection, name: str, *, before: str, after: str) -> bool:
    """Store the same value under another key; False where it was replaced meanwhile."""
    same = and_(credentials.c.name == name, credentials.c.secret == before)
    return c.execute(update(credentials).where(same).values(secret=after)).rowcount > 0


# Refused, and tried again


def refuse(c: Connection, name: str, revision: int, *, detail: str) -> bool:
    """Remember that the provider refused this value; True for who says it first.

    A later value is not meant. What was tried again with one Task waits longer before the next time.
    """
    ours = _value(name, revision)
    row = c.execute(select(credentials.c.state, credentials.c.probes).where(ours).with_for_update()).first()
    if row is None:
        return False
    before = row.state == CredentialState.REFUSED
    probes = row.probes + 1 if before else 0
    _refused(c, name, probes, detail)
    return not before


def refuse_environment(c: Connection, name: str, *, detail: str) -> bool:
    """The same for what a worker has in its environment, for which a row is made."""
    if named(c, [name]):
        return refuse(c, name, 1, detail=detail)
    now = utcnow()
    row: dict[str, Any] = {"name": name, "kind": Kind.ENVIRONMENT, "variables": [], "secret": "", "last4": ""}
    try:
        with c.begin_nested():
            c.execute(insert(credentials).values(**row, **_FRESH, revision=1, created_at=now, updated_at=now))
    except IntegrityError:
        pass  # another worker with the same environment was first
    return refuse(c, name, 1, detail=detail)


def postpone_probe(c: Connection, name: str) -> None:
    """The Task that tried it ended without telling: another one may, later."""
    probes = c.execute(select(credentials.c.probes).where(_refused_row(name))).scalar()
    if probes is not None:
        again = utcnow() + timedelta(seconds=pause_before_probe(probes))
        c.execute(update(credentials).where(_refused_row(name)).values(probe_at=again, probe_task=None))


def mend(c: Connection, name: str) -> bool:
    """Let it be used again; whether it was refused. What stands for an environment is forgotten."""
    c.execute(delete(credentials).where(_refused_row(name), credentials.c.kind == Kind.ENVIRONMENT))
    mended = update(credentials).where(_refused_row(name)).values(**_FRESH)
    return c.execute(mended).rowcount > 0


def forget_environments(c: Connection) -> list[str]:
    """Forget what was refused of workers' environments, as one that begins may have another; return names."""
    names = list(
        c.execute(select(credentials.c.name).where(credentials.c.kind == Kind.ENVIRONMENT)).scalars()
    )
    c.execute(delete(credentials).where(credentials.c.kind == Kind.ENVIRONMENT))
    return names


def begin_probe(c: Connection, name: str) -> TaskId | None:
    """Let the oldest Task that waits for a refused Credential try it, where its time has come."""
    now = utcnow()
    waiting = select(tasks.c.id).where(_held(name)).order_by(tasks.c.created_at, tasks.c.id).limit(1)
    task_id = c.execute(waiting).scalar()
    if task_id is None:
        return None
    probes = c.execute(select(credentials.c.probes).where(_refused_row(name))).scalar()
    # In case that it never tells (its Task was cancelled, its worker died). One that goes on for longer than
    # this was let in, so that another one beside it does no harm.
    again = now + timedelta(seconds=max(LET_IN, pause_before_probe(probes or 0)))
    chosen = update(credentials).where(_refused_row(name), credentials.c.probe_at <= now)
    if not c.execute(chosen.values(probe_task=task_id, probe_at=again)).rowcount:
        return None
    _free(c, tasks.c.id == task_id)
    return TaskId(task_id)


def _refused(c: Connection, name: str, probes: int, detail: str) -> None:
    at = utcnow() + timedelta(seconds=pause_before_probe(probes))
    told = {"state": CredentialState.REFUSED, "detail": detail, "probes": probes}
    c.execute(
        update(credentials).where(credentials.c.name == name).values(**told, probe_at=at, probe_task=None)
    )


# Its end


def note_warned(c: Connection, credential: Credential, warning: str) -> bool:
    """Remember that somebody was told; False where another process was first."""
    before = credentials.c.warned
    unsaid = before.is_(None) if credential.warned is None else before == credential.warned
    ours = and_(_value(credential.name, credential.revision), unsaid)
    return c.execute(update(credentials).where(ours).values(warned=warning)).rowcount > 0


def expire(c: Connection, name: str, revision: int, *, detail: str) -> bool:
    """Remember that this value is over, whatever it said of its end."""
    ended = update(credentials).where(_value(name, revision))
    return c.execute(ended.values(state=CredentialState.EXPIRED, detail=detail, probe_at=None)).rowcount > 0


def begin_refresh(c: Connection, name: str, revision: int, *, who: str, seconds: float) -> bool:
    """Become the one who refreshes this value for so long; False where somebody else is.

    Times are the database's, so that no host's clock matters. Who is slower than that is refused by
    `end_refresh`, as is who refreshed a value that was replaced.
    """
    now = database_now(c)
    free = or_(credentials.c.refresh_until.is_(None), credentials.c.refresh_until <= now)
    mine = update(credentials).where(_value(name, revision), free)
    until = now + timedelta(seconds=seconds)
    return c.execute(mine.values(refresher=who, refresh_until=until)).rowcount > 0


def end_refresh(
    c: Connection, name: str, revision: int, *, who: str, secret: str, last4: str, expires_at: datetime
) -> bool:
    """Store what the refresh brought; False where it is no longer ours to store."""
    mine = update(credentials).where(_value(name, revision), credentials.c.refresher == who)
    value = {"secret": secret, "last4": last4, "expires_at": expires_at, "updated_at": utcnow()}
    done = {"warned": None, "refresher": None, "refresh_until": None, "revision": revision + 1, **_FRESH}
    return c.execute(mine.values(**value, **done)).rowcount > 0


def pause_refresh(c: Connection, name: str, revision: int, *, who: str, seconds: float) -> None:
    """The refresh failed for a passing reason: nobody tries again before that."""
    mine = update(credentials).where(_value(name, revision), credentials.c.refresher == who)
    c.execute(mine.values(refresher=None, refresh_until=database_now(c) + timedelta(seconds=seconds)))


# Tasks that wait


def hold(c: Connection, task_id: TaskId, *, by: str, reason: Reason, detail: str) -> Task | None:
    """Let a queued Task wait for a Credential; None where it is not queued (any more), or waits already."""
    free = and_(tasks.c.id == task_id, tasks.c.state == TaskState.QUEUED, tasks.c.hold.is_(None))
    held = {"hold": Hold.CREDENTIAL_EXPIRED, "held_by": by, "reason": reason, "detail": detail}
    if not c.execute(update(tasks).where(free).values(**held)).rowcount:
        return None
    return get_task(c, task_id)


def release(c: Connection, name: str, *, limit: int = 1000) -> list[TaskId]:
    """Let Tasks that wait for this Credential go on, oldest first; return which, at most `limit`."""
    waiting = select(tasks.c.id).where(_held(name)).order_by(tasks.c.created_at, tasks.c.id).limit(limit)
    found = [TaskId(task_id) for task_id in c.execute(waiting).scalars()]
    if found:
        _free(c, tasks.c.id.in_(found))
    return found


def awaited(c: Connection) -> dict[str, int]:
    """Return what Tasks wait for, and how many for each."""
    query = select(tasks.c.held_by).where(tasks.c.state == TaskState.QUEUED, tasks.c.held_by.is_not(None))
    counted: dict[str, int] = {}
    for name in c.execute(query).scalars():
        counted[name] = counted.get(name, 0) + 1
    return counted


def _free(c: Connection, which: ColumnElement[bool]) -> None:
    free = {"hold": None, "held_by": None, "reason": None, "detail": "", "rung_at": None}
    c.execute(update(tasks).where(which, tasks.c.state == TaskState.QUEUED).values(**free))


def _held(name: str) -> ColumnElement[bool]:
    return and_(tasks.c.held_by == name, tasks.c.state == TaskState.QUEUED)


def _value(name: str, revision: int) -> ColumnElement[bool]:
    return and_(credentials.c.name == name, credentials.c.revision == revision)


def _refused_row(name: str) -> ColumnElement[bool]:
    return and_(credentials.c.name == name, credentials.c.state == CredentialState.REFUSED)


def _credential(row: Any) -> Credential:
    return Credential(**{field: getattr(row, field) for field in _FIELDS})
