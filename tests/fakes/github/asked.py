"""Tasks that were asked for on GitHub, as the rows have them: for tests that need no Delivery for it."""

from typing import Any

from sqlalchemy import Connection

from app.clock import utcnow
from app.db import replies, tasks
from app.db.engine import Database
from app.db.tasks import NewTask
from app.domain.delivery import ObjectKey, digest
from app.domain.reply import KeptReply, ReplyKind
from app.domain.task import SessionId, Task
from app.domain.trigger import Account, Subject, Target, Thread, Trigger, TriggerKind


def trigger_of(thread: Thread, text: str, *, comment: int = 501) -> Trigger:
    """Return what mona asked in a comment."""
    return Trigger(
        kind=TriggerKind.MENTION,
        instruction=text,
        author=Account(id=7, login="mona"),
        thread=thread,
        at=utcnow(),
        key=ObjectKey(repository_id=1, kind="comment", object_id=comment, digest=digest("x")),
        target=Target(subject=Subject.COMMENT, id=comment),
    )


def ask(db: Database, trigger: Trigger, *, session_id: SessionId | None = None, **more: Any) -> Task:
    """Keep a Task with its Reply, of which `more` is."""
    return db.write(_asked, trigger, session_id, more)


def _asked(c: Connection, trigger: Trigger, session_id: SessionId | None, more: dict[str, Any]) -> Task:
    new = NewTask(
        message=trigger.instruction,
        agent="brain",
        cli="claude",
        max_attempts=3,
        session_id=session_id,
        from_outside=True,
    )
    task = tasks.create(c, new)
    given = {"id": f"r-{task.id[:8]}", "requester": "mona", "requester_id": 7, **more}
    reply = KeptReply(task_id=task.id, kind=ReplyKind.TASK, trigger=trigger, created_at=utcnow(), **given)
    replies.add(c, reply)
    return task
