"""Deliveries: kept as they came, once each, until somebody has decided on them and acted."""

from collections.abc import Sequence
from datetime import datetime

import zstandard
from sqlalchemy import ColumnElement, Connection, Row, and_, delete, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from app.clock import utcnow
from app.db.doorbells import SKEW
from app.db.github_rows import deliveries
from app.domain.delivery import Decision, DeliveryState, Recorded, Verdict
from app.errors import Conflict, NotFound

_FIELDS = tuple(Recorded.model_fields)
_columns = [deliveries.c[name] for name in _FIELDS]
#: Verdicts that led to nothing, so that another look may end otherwise.
_OPEN_TO_ANOTHER = frozenset({Verdict.IGNORED, Verdict.REFUSED, Verdict.FAILED})


def record(c: Connection, new: Recorded, body: bytes) -> bool:
    """Keep a Delivery; return False where its id is known, whatever came with it this time.

    Where somebody has to act on it, it counts as rung for: one transaction less for each that comes.
    Whoever then can't ring says so with `unmark`; whoever dies before is found to have been silent.
    """
    rung_at = new.received_at if new.state is DeliveryState.RECEIVED else None
    values = {**new.model_dump(), "rung_at": rung_at}
    try:
        with c.begin_nested():
            packed = zstandard.ZstdCompressor(level=3).compress(body)
            c.execute(insert(deliveries).values(**values, body=packed))
    except IntegrityError:
        if not c.execute(select(deliveries.c.id).where(deliveries.c.id == new.id)).first():
            raise
        return False
    return True


def get(c: Connection, delivery_id: str) -> Recorded:
    """Return a Delivery; raises NotFound."""
    return _found(delivery_id, c.execute(select(*_columns).where(deliveries.c.id == delivery_id)).first())


def lock(c: Connection, delivery_id: str) -> Recorded:
    """Return a Delivery which stays as it is until this transaction ends; raises NotFound."""
    mine = select(*_columns).where(deliveries.c.id == delivery_id).with_for_update()
    return _found(delivery_id, c.execute(mine).first())


def body(c: Connection, delivery_id: str) -> bytes:
    """Return the bytes as received; raises NotFound."""
    packed = c.execute(select(deliveries.c.body).where(deliveries.c.id == delivery_id)).scalar()
    if packed is None:
        raise NotFound(f"There is no delivery {delivery_id}.")
    return zstandard.ZstdDecompressor().decompress(bytes(packed))


def page(
    c: Connection,
    *,
    limit: int,
    before: tuple[datetime, str] | None = None,
    verdict: Verdict | None = None,
    repository: str | None = None,
    source: str | None = None,
) -> list[Recorded]:
    """Return Deliveries, newest first, those after the place `before`."""
    query = select(*_columns).order_by(deliveries.c.received_at.desc(), deliveries.c.id.desc()).limit(limit)
    wanted = ((deliveries.c.verdict, verdict), (deliveries.c.repository, repository))
    for column, value in (*wanted, (deliveries.c.source, source)):
        if value is not None:
            query = query.where(column == value)
    if before is not None:
        at, delivery_id = before
        same = and_(deliveries.c.received_at == at, deliveries.c.id < delivery_id)
        query = query.where(or_(deliveries.c.received_at < at, same))
    return [_recorded(row) for row in c.execute(query)]


def decide(c: Connection, delivery_id: str, decision: Decision, *, done: bool) -> None:
    """Write down the verdict, once; not `done`: it still has to be shown on GitHub that it was taken up.

    Raises IntegrityError where another Delivery asked the same first.
    """
    state = DeliveryState.DONE if done else DeliveryState.RECEIVED
    undecided = (deliveries.c.id == delivery_id, deliveries.c.verdict.is_(None))
    change = update(deliveries).where(*undecided).values(**decision.model_dump())
    c.execute(change.values(state=state, tries=0, not_before=None, done_at=utcnow() if done else None))


def finish(c: Connection, delivery_id: str) -> None:
    """There is nothing more to do."""
    mine = (deliveries.c.id == delivery_id, deliveries.c.state == DeliveryState.RECEIVED)
    c.execute(update(deliveries).where(*mine).values(state=DeliveryState.DONE, done_at=utcnow()))


def put_off(c: Connection, delivery_id: str, until: datetime, reason: str | None = None) -> None:
    """Try again then; `reason` says why it was not decided now."""
    mine = (deliveries.c.id == delivery_id, deliveries.c.state == DeliveryState.RECEIVED)
    told = {} if reason is None else {"reason": reason}
    later = {"tries": deliveries.c.tries + 1, "not_before": until, "rung_at": None}
    c.execute(update(deliveries).where(*mine).values(**later, **told))


def take_again(c: Connection, delivery_id: str) -> Recorded:
    """Let a Delivery that led to nothing be decided anew; it counts as rung for, as in `record`.

    Raises Conflict for one that led to something.
    """
    known = lock(c, delivery_id)
    if known.state is DeliveryState.DONE and known.verdict not in _OPEN_TO_ANOTHER:
        raise Conflict(
            f"This delivery led to something already ({known.reason}). A task can be retried by itself.",
            reason="already_taken",
        )
    anew = {"state": DeliveryState.RECEIVED, "verdict": None, "code": None, "reason": "", "done_at": None}
    again = update(deliveries).where(deliveries.c.id == delivery_id)
    values = anew if known.state is DeliveryState.DONE else {}
    c.execute(again.values(**values, tries=0, not_before=None, rung_at=utcnow()))
    return get(c, delivery_id)


def same_question(c: Connection, object_key: str) -> Recorded | None:
    """Return the Delivery that asked the same and led to something."""
    row = c.execute(select(*_columns).where(deliveries.c.object_key == object_key)).first()
    return None if row is None else _recorded(row)


def undecided_before(c: Connection, known: Recorded) -> list[Recorded]:
    """Return what came before `known` from the same repository and has no verdict yet, newest first."""
    same = (deliveries.c.source == known.source, deliveries.c.repository == known.repository)
    open_still = (deliveries.c.state == DeliveryState.RECEIVED, deliveries.c.verdict.is_(None))
    query = select(*_columns).where(*open_still, *same, deliveries.c.received_at < known.received_at)
    rows = c.execute(query.order_by(deliveries.c.received_at.desc(), deliveries.c.id.desc()))
    return [_recorded(row) for row in rows]


def unrung(c: Connection, *, now: datetime, rung_before: datetime, limit: int) -> list[str]:
    """Return Deliveries that somebody has to act on and nobody was told of since then, oldest first."""
    query = select(deliveries.c.id).where(_due(now), _silent(now, rung_before))
    return list(c.execute(query.order_by(deliveries.c.received_at, deliveries.c.id).limit(limit)).scalars())


def mark_rung(c: Connection, delivery_ids: Sequence[str], at: datetime) -> None:
    """Remember that control was told of them."""
    c.execute(update(deliveries).where(deliveries.c.id.in_(sorted(delivery_ids))).values(rung_at=at))


def unmark(c: Connection, delivery_id: str) -> None:
    """Remember that nobody was told of it."""
    c.execute(update(deliveries).where(deliveries.c.id == delivery_id).values(rung_at=None))


def delete_old(c: Connection, before: datetime, *, limit: int = 200) -> bool:
    """Delete some that were done with before then; return whether there may be more."""
    old = (deliveries.c.received_at < before, deliveries.c.state == DeliveryState.DONE)
    some = select(deliveries.c.id).where(*old).limit(limit)
    return c.execute(delete(deliveries).where(deliveries.c.id.in_(some))).rowcount == limit


def _due(now: datetime) -> ColumnElement[bool]:
    waits = or_(deliveries.c.not_before.is_(None), deliveries.c.not_before <= now)
    return and_(deliveries.c.state == DeliveryState.RECEIVED, waits)


def _silent(now: datetime, rung_before: datetime) -> ColumnElement[bool]:
    at = deliveries.c.rung_at
    return or_(at.is_(None), at < rung_before, at > now + SKEW)


def _recorded(row: Row[tuple[object, ...]]) -> Recorded:
    return Recorded.model_validate({name: getattr(row, name) for name in _FIELDS})


def _found(delivery_id: str, row: Row[tuple[object, ...]] | None) -> Recorded:
    if row is None:
        raise NotFound(f"There is no delivery {delivery_id}.")
    return _recorded(row)
