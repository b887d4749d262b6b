"""Generic webhooks: kept and changed by admins; their deliveries taken one after the other."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import zstandard
from sqlalchemy import Connection, Row, and_, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from app.clock import utcnow
from app.db.webhook_rows import callbacks, hook_deliveries, webhooks
from app.domain.task import Task, TaskId
from app.domain.webhook import (
    Callback,
    CallbackState,
    HookDelivery,
    HookVerdict,
    Webhook,
    WebhookSettings,
)
from app.errors import Conflict, NotFound

#: How long the same body is the same delivery, where nothing better tells: senders ask again within minutes.
SAME_BODY = timedelta(minutes=10)
#: How long deliveries are kept, and with them what is known of a key.
KEPT = timedelta(days=30)


@dataclass(frozen=True)
class Received:
    """A signed POST; `said` is whether the webhook's own dedupe made the key."""

    webhook: str
    key: str
    said: bool
    content_type: str
    body: bytes


def every(c: Connection) -> list[Webhook]:
    """Return all of them by name."""
    return [_webhook(row) for row in c.execute(select(webhooks).order_by(webhooks.c.name))]


def find(c: Connection, name: str) -> Webhook | None:
    """Return one, None where there is none."""
    row = c.execute(select(webhooks).where(webhooks.c.name == name)).first()
    return None if row is None else _webhook(row)


def get(c: Connection, name: str) -> Webhook:
    """Return one; raises NotFound."""
    found = find(c, name)
    if found is None:
        raise _no_webhook(name)
    return found


def create(
    c: Connection, name: str, settings: WebhookSettings, *, secret: str, callback_secret: str
) -> Webhook:
    """Keep a new one, its secrets sealed; raises Conflict where there is one of that name."""
    now = utcnow()
    row = {"name": name, "secret": secret, "callback_secret": callback_secret, **settings.model_dump()}
    try:
        with c.begin_nested():
            c.execute(insert(webhooks).values(**row, created_at=now, updated_at=now))
    except IntegrityError:
        raise Conflict(f"There is a webhook {name!r} already.", reason="webhook_taken") from None
    return get(c, name)


def change(c: Connection, name: str, settings: WebhookSettings) -> Webhook:
    """Replace everything but the secrets; raises NotFound."""
    return _changed(c, name, updated_at=utcnow(), **settings.model_dump())


def rotate(c: Connection, name: str, *, before: str, secret: str, previous_until: datetime) -> Webhook:
    """Put another secret in the place of `before`; raises Conflict where that is no longer the one."""
    mine = (webhooks.c.name == name, webhooks.c.secret == before)
    new = update(webhooks).where(*mine)
    if not c.execute(new.values(secret=secret, previous_until=previous_until, updated_at=utcnow())).rowcount:
        get(c, name)
        raise Conflict("Somebody else changed its secret at the same time.", reason="webhook_changed")
    return get(c, name)


def rotate_callback(c: Connection, name: str, secret: str) -> Webhook:
    """Sign callbacks with another secret from now on; raises NotFound."""
    return _changed(c, name, callback_secret=secret, updated_at=utcnow())


def reseal(c: Connection, found: Webhook, *, secret: str, callback_secret: str) -> bool:
    """Store the same secrets under another key; False where they were replaced meanwhile."""
    same = and_(
        webhooks.c.name == found.name,
        webhooks.c.secret == found.secret,
        webhooks.c.callback_secret == found.callback_secret,
    )
    again = update(webhooks).where(same).values(secret=secret, callback_secret=callback_secret)
    return c.execute(again).rowcount > 0


def remove(c: Connection, name: str) -> None:
    """Forget one with its deliveries; its Tasks stay. Raises NotFound."""
    if not c.execute(delete(webhooks).where(webhooks.c.name == name)).rowcount:
        raise _no_webhook(name)


# Deliveries


def take(c: Connection, received: Received, make: Callable[[Connection], Task]) -> tuple[TaskId | None, bool]:
    """Return (the Task of this delivery, whether it is new), in one transaction with the delivery.

    Those of one webhook take turns, so that the second of two that are one sees the first. Raises NotFound
    where the webhook was deleted meanwhile.
    """
    now = utcnow()
    _changed(c, received.webhook, used_at=now)
    known = _known(c, received, now)
    if known is not None:
        detail = "The same was delivered before; nothing new was made of it."
        keep(c, received, HookVerdict.KNOWN, detail, task_id=known.task_id)
        return known.task_id, False
    task = make(c)
    keep(c, received, HookVerdict.TASK, f"A task for {task.agent}.", task_id=task.id)
    _order_callback(c, received.webhook, task.id)
    return task.id, True


def is_known(c: Connection, received: Received) -> bool:
    """Whether nothing new would be made of this."""
    return _known(c, received, utcnow()) is not None


def keep(
    c: Connection, received: Received, verdict: HookVerdict, detail: str, *, task_id: TaskId | None = None
) -> None:
    """Write a delivery down."""
    row = {"id": str(uuid.uuid4()), "webhook": received.webhook, "received_at": utcnow(), "key": received.key}
    what = {"verdict": verdict, "detail": detail, "task_id": task_id, "size": len(received.body)}
    body = zstandard.compress(received.body)
    c.execute(
        insert(hook_deliveries).values(**row, **what, content_type=received.content_type[:200], body=body)
    )


def deliveries(c: Connection, name: str, *, limit: int) -> list[HookDelivery]:
    """Return the last ones, newest first, each with the callback of the Task that it made."""
    get(c, name)
    newest = select(hook_deliveries).where(hook_deliveries.c.webhook == name)
    newest = newest.order_by(hook_deliveries.c.received_at.desc(), hook_deliveries.c.id.desc()).limit(limit)
    rows = list(c.execute(newest))
    made = {row.id: row.task_id for row in rows if row.verdict == HookVerdict.TASK}
    mine = select(callbacks).where(callbacks.c.task_id.in_(sorted(filter(None, made.values()))))
    told = {row.task_id: row for row in c.execute(mine)}
    return [_delivery(row, told.get(made.get(row.id))) for row in rows]


def of_task(c: Connection, task_id: TaskId) -> str | None:
    """Return the name of the webhook that a Task came by."""
    mine = hook_deliveries.c.task_id == task_id
    found: str | None = c.execute(select(hook_deliveries.c.webhook).where(mine).limit(1)).scalar()
    return found


def body_of(c: Connection, name: str, delivery_id: str) -> tuple[HookDelivery, bytes]:
    """Return a delivery with its body as it came; raises NotFound."""
    mine = (hook_deliveries.c.webhook == name, hook_deliveries.c.id == delivery_id)
    row = c.execute(select(hook_deliveries).where(*mine)).first()
    if row is None:
        raise NotFound(f"The webhook {name[:64]!r} has no such delivery (any more).")
    return _delivery(row, None), zstandard.decompress(bytes(row.body))


def delete_old_deliveries(c: Connection, before: datetime, *, limit: int = 500) -> bool:
    """Delete some of what came before then; return whether there may be more."""
    some = select(hook_deliveries.c.id).where(hook_deliveries.c.received_at < before).limit(limit)
    return c.execute(delete(hook_deliveries).where(hook_deliveries.c.id.in_(some))).rowcount == limit


def _known(c: Connection, received: Received, now: datetime) -> Row[Any] | None:
    same = and_(
        hook_deliveries.c.webhook == received.webhook,
        hook_deliveries.c.key == received.key,
        hook_deliveries.c.verdict == HookVerdict.TASK,
        hook_deliveries.c.received_at > now - (KEPT if received.said else SAME_BODY),
    )
    return c.execute(select(hook_deliveries.c.task_id).where(same).limit(1)).first()


def _order_callback(c: Connection, name: str, task_id: TaskId) -> None:
    url = c.execute(select(webhooks.c.callback_url).where(webhooks.c.name == name)).scalar()
    if url is not None:
        row = {"id": str(uuid.uuid4()), "webhook": name, "task_id": task_id, "url": url}
        c.execute(insert(callbacks).values(**row, state=CallbackState.OPEN))


def _changed(c: Connection, name: str, **values: Any) -> Webhook:
    if not c.execute(update(webhooks).where(webhooks.c.name == name).values(**values)).rowcount:
        raise _no_webhook(name)
    return get(c, name)


def _no_webhook(name: str) -> NotFound:
    return NotFound(f"There is no webhook {name[:64]!r}.")


def _webhook(row: Row[Any]) -> Webhook:
    return Webhook(**{field: getattr(row, field) for field in Webhook.model_fields})


def _delivery(row: Row[Any], told: Row[Any] | None) -> HookDelivery:
    fields = {field: getattr(row, field) for field in HookDelivery.model_fields if field != "callback"}
    return HookDelivery(**fields, callback=None if told is None else callback_of(told))


def callback_of(row: Row[Any]) -> Callback:
    """Return what a row of callbacks says."""
    return Callback(**{field: getattr(row, field) for field in Callback.model_fields})
