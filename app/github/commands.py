"""What stop, retry, status and help do: rows only, in the transaction of their Delivery's verdict."""

import uuid
from collections.abc import Mapping
from typing import NamedTuple

from sqlalchemy import Connection

from app.clock import utcnow
from app.db import replies, tasks
from app.domain.reply import KeptReply, ReplyKind
from app.domain.task import Task, TaskId
from app.domain.trigger import Command, Trigger
from app.errors import Conflict
from app.github.notices import help_text, nothing_text, status_text
from app.github.undecided import refuse_stopped


class Done(NamedTuple):
    """What a command led to, in words; and the Tasks it changed, for those who have to be told."""

    reason: str
    changed: tuple[Task, ...] = ()


def carry_out(
    c: Connection,
    trigger: Trigger,
    *,
    delivery_id: str,
    agents: Mapping[str, str],
    undecided: list[str],
    quiet: bool,
) -> Done:
    """Do what `trigger` commands; whatever there is to say becomes a notice.

    `undecided` are the Deliveries that a stop is meant for besides the thread's Tasks. `quiet`: enough was
    said in this thread, so that a stop that finds nothing, which no cap refuses, is not answered.
    """
    match trigger.command:
        case Command.STOP:
            done = _stop(c, trigger, undecided)
        case Command.RETRY:
            done = _retry(c, trigger)
        case Command.STATUS:
            done = _status(c, trigger, delivery_id)
        case _:
            notice_id = str(uuid.uuid4())
            text = help_text(notice_id, agents)
            add_notice(c, trigger, notice_id, kind=ReplyKind.HELP, text=text, delivery_id=delivery_id)
            return Done("What can be asked was said.")
    if done is not None:
        return done
    if not quiet:
        notice_id = str(uuid.uuid4())
        text = nothing_text(notice_id, str(trigger.command))
        add_notice(c, trigger, notice_id, kind=ReplyKind.NOTHING, text=text, delivery_id=delivery_id)
    return Done(f"`{trigger.command}`: there was nothing to do in this thread.")


def add_notice(
    c: Connection, trigger: Trigger, notice_id: str, *, kind: ReplyKind, text: str, delivery_id: str
) -> None:
    """Keep a short comment that is to be posted, once, under its mark."""
    kept = KeptReply(
        id=notice_id,
        kind=kind,
        text=text,
        delivery_id=delivery_id,
        trigger=trigger,
        requester_id=trigger.author.id if trigger.author else None,
        requester=trigger.author.login if trigger.author else None,
        reply_to=trigger.reply_to,
        created_at=utcnow(),
    )
    replies.add(c, kept)


def _stop(c: Connection, trigger: Trigger, undecided: list[str]) -> Done | None:
    refuse_stopped(c, undecided)
    # The last first: none that waits may begin because the one before it ended.
    stopped = [_cancelled(c, task_id) for task_id in reversed(replies.unfinished_tasks(c, trigger.thread))]
    changed = tuple(task for task in stopped if task is not None)
    counted = (_count(len(changed), "task"), _count(len(undecided), "undecided question"))
    words = " and ".join(part for part in counted if part)
    return Done(f"Stopped: {words}.", changed) if words else None


def _cancelled(c: Connection, task_id: TaskId) -> Task | None:
    try:
        return tasks.cancel(c, task_id)
    except Conflict:  # it ended by itself in the meantime
        return None


def _retry(c: Connection, trigger: Trigger) -> Done | None:
    last = replies.last_task(c, trigger.thread)
    if last is None:
        return None
    try:
        task = tasks.retry(c, last)
    except Conflict:  # it waits or runs
        return None
    return Done("The last task of this thread runs again.", (task,))


def _status(c: Connection, trigger: Trigger, delivery_id: str) -> Done | None:
    going = [tasks.get(c, task_id) for task_id in replies.unfinished_tasks(c, trigger.thread)]
    last = replies.last_task(c, trigger.thread)
    if last is None:
        return None
    notice_id = str(uuid.uuid4())
    text = status_text(notice_id, going, tasks.get(c, last))
    add_notice(c, trigger, notice_id, kind=ReplyKind.STATUS, text=text, delivery_id=delivery_id)
    return Done("What is running was said.")


def _count(count: int, what: str) -> str:
    """Return how many, in words; nothing for none."""
    return f"one {what}" if count == 1 else f"{count} {what}s" if count else ""
