"""Deliveries that are kept and not decided on: what they ask for, and which of them a stop is meant for."""

from sqlalchemy import Connection

from app.db import deliveries
from app.domain.delivery import Decision, Recorded, Verdict
from app.domain.trigger import Command, Ignored, Thread, Trigger
from app.github.delivery import Delivery, read_delivery
from app.github.rules import Rules
from app.github.triggers import read_trigger

#: What begins work; what is only answered may still be answered.
_BEGINS = frozenset({Command.ASK, Command.RETRY})
_STOPPED = Decision(
    verdict=Verdict.REFUSED, code="stopped", reason="Somebody stopped it before it was decided on."
)


def delivery_of(c: Connection, row: Recorded) -> Delivery:
    """Return a Delivery from what is kept of it; raises NotFound."""
    return read_delivery(
        delivery_id=row.id.partition(":")[2],
        event=row.event,
        content_type=row.content_type,
        body=deliveries.body(c, row.id),
    )


def lock_undecided(c: Connection, stop: Recorded, thread: Thread, rules: Rules) -> list[str]:
    """Return what came before `stop` and would begin work in `thread`; it stays undecided until this ends.

    Ask before the thread is locked: whoever decides on one of them holds it and waits for the thread. Two
    that stop can't wait for each other, because each locks what is older than all it has.
    """
    rows = deliveries.undecided_before(c, stop)
    mine = [row.id for row in rows if _begins_in(thread, read_trigger(delivery_of(c, row), rules))]
    return [delivery_id for delivery_id in mine if deliveries.lock(c, delivery_id).verdict is None]


def refuse_stopped(c: Connection, delivery_ids: list[str]) -> None:
    """Decide on them: nothing comes of them, unless an operator takes one again."""
    for delivery_id in delivery_ids:
        deliveries.decide(c, delivery_id, _STOPPED, done=True)


def _begins_in(thread: Thread, found: Trigger | Ignored) -> bool:
    if isinstance(found, Ignored) or found.command not in _BEGINS:
        return False
    same = (found.thread.repository_id, found.thread.number)
    return same == (thread.repository_id, thread.number)
