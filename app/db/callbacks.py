"""Callbacks: due when their Task has ended, taken by one at a time, and sent until they have arrived."""

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, and_, delete, or_, select, update

from app.db.rows import tasks
from app.db.webhook_rows import callbacks, webhooks
from app.db.webhooks import callback_of
from app.domain.task import FINAL, TaskId
from app.domain.webhook import Callback, CallbackState
from app.errors import Conflict


def due(c: Connection, now: datetime, *, limit: int) -> list[Callback]:
    """Return those that should be sent now, those that wait longest first.

    A Task that was retried ends again, and that end is told too: the row is about another `ended_at` then.
    """
    query = select(callbacks).join(tasks, tasks.c.id == callbacks.c.task_id).where(_is_due(now))
    rows = c.execute(query.order_by(callbacks.c.next_at, tasks.c.finished_at).limit(limit))
    return [callback_of(row) for row in rows]


def take(c: Connection, found: Callback, *, until: datetime) -> Callback | None:
    """Become the one who sends it; None where somebody else is, or its Task runs again.

    Until `until` nobody else takes it: who dies with it has it sent again by another, under the same id.
    """
    ended = select(tasks.c.finished_at).where(tasks.c.id == found.task_id, tasks.c.state.in_(sorted(FINAL)))
    ended_at = c.execute(ended).scalar()
    if ended_at is None:
        return None
    tries = found.tries + 1 if ended_at == found.ended_at else 1
    values = {"state": CallbackState.OPEN, "ended_at": ended_at, "tries": tries, "next_at": until}
    if not _write(c, found, **values, fence=found.fence + 1):
        return None
    return callback_of(c.execute(select(callbacks).where(callbacks.c.id == found.id)).one())


def sent(c: Connection, taken: Callback) -> bool:
    """Remember that it arrived; False where somebody else has taken it since."""
    return _write(c, taken, state=CallbackState.SENT, next_at=None, detail="")


def postpone(c: Connection, taken: Callback, *, detail: str, again: datetime) -> bool:
    """Remember that it did not arrive, and when to try again."""
    return _write(c, taken, next_at=again, detail=detail)


def give_up(c: Connection, taken: Callback, *, detail: str) -> bool:
    """Remember that it did not arrive and is not tried again."""
    return _write(c, taken, state=CallbackState.FAILED, next_at=None, detail=detail)


def send_again(c: Connection, webhook: str, task_id: TaskId) -> Callback:
    """Have one that was given up told anew, to whom the webhook tells now; raises Conflict."""
    rows = select(callbacks, webhooks.c.callback_url).join(webhooks, webhooks.c.name == callbacks.c.webhook)
    row = c.execute(rows.where(webhooks.c.name == webhook, callbacks.c.task_id == task_id)).first()
    if row is None or row.callback_url is None:
        raise Conflict("Nobody is told of this task: the webhook has no callback, or it was forgotten.")
    found, opened = callback_of(row), {"state": CallbackState.OPEN, "tries": 0, "next_at": None, "detail": ""}
    failed = found.state is CallbackState.FAILED
    if not failed or not _write(c, found, **opened, url=row.callback_url, fence=found.fence + 1):
        raise Conflict("It has arrived, or is on its way; there is nothing to send again.")
    return callback_of(c.execute(select(callbacks).where(callbacks.c.id == found.id)).one())


def delete_old(c: Connection, before: datetime, *, limit: int = 500) -> bool:
    """Delete some that came to their end before then; return whether there may be more.

    Every look goes through all there are, since a Task that is retried ends again.
    """
    old = and_(callbacks.c.state != CallbackState.OPEN, callbacks.c.ended_at < before)
    some = select(callbacks.c.id).where(old).limit(limit)
    return c.execute(delete(callbacks).where(callbacks.c.id.in_(some))).rowcount == limit


def _write(c: Connection, known: Callback, **values: object) -> bool:
    ours = and_(callbacks.c.id == known.id, callbacks.c.fence == known.fence)
    return c.execute(update(callbacks).where(ours).values(**values)).rowcount > 0


def _is_due(now: datetime) -> ColumnElement[bool]:
    open_ = and_(
        callbacks.c.state == CallbackState.OPEN,
        # A time further ahead than anybody sets it is that of a clock which was wrong.
        or_(
            callbacks.c.next_at.is_(None),
            callbacks.c.next_at <= now,
            callbacks.c.next_at > now + timedelta(days=1),
        ),
    )
    another = and_(callbacks.c.ended_at.is_not(None), callbacks.c.ended_at != tasks.c.finished_at)
    return and_(tasks.c.state.in_(sorted(FINAL)), or_(open_, another))
