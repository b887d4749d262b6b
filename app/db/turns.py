"""Turns at a Reply: one keeper at a time, and a fence for one who took too long."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, exists, func, not_, or_, select, update

from app.db.github_rows import replies
from app.db.replies import ANEW, UNFINISHED, in_thread, kept
from app.db.rows import tasks
from app.domain.reply import KeptReply, KeptState
from app.domain.task import FINAL, TaskId, TaskState
from app.errors import Conflict, NotFound

_GOING = (TaskState.QUEUED, TaskState.RUNNING)
#: Of a Task that still waits there is rarely anything new to tell.
_WAITING = timedelta(seconds=30)


def due(c: Connection, now: datetime, *, limit: int) -> Sequence[str]:
    """Return the ids of Replies that somebody has to look at, those that waited longest first."""
    query = (
        select(replies.c.id).where(_due(now)).order_by(replies.c.next_at.nulls_first(), replies.c.created_at)
    )
    return c.execute(query.limit(limit)).scalars().all()


def reopened(c: Connection) -> bool:
    """Tell whether a Task whose Reply is finished goes on: somebody asked for it again."""
    return c.execute(select(replies.c.id).where(_again()).limit(1)).first() is not None


def reopen(c: Connection) -> None:
    """Let their Replies go on."""
    c.execute(update(replies).where(_again()).values(**ANEW))


def send_again(c: Connection, task_id: TaskId) -> None:
    """Let what could not be told be told now; its comment is looked for, and made anew where it is gone.

    Raises NotFound for a Task that is not from GitHub, Conflict where there is nothing to send again.
    """
    mine = replies.c.task_id == task_id
    finished = (replies.c.state == KeptState.FINISHED, replies.c.problem.is_not(None))
    again = update(replies).where(mine, *finished)
    if c.execute(again.values(**UNFINISHED, comment_id=None, told=None)).rowcount:
        return
    if c.execute(select(replies.c.id).where(mine)).first() is None:
        raise NotFound(f"The task {task_id} is not from GitHub, so nobody is answered there.")
    raise Conflict("Its answer was sent or is on its way; there is nothing to send again.", reason="answered")


def take(c: Connection, reply_id: str, now: datetime, *, seconds: float) -> KeptReply | None:
    """Have the Reply for so long; None where somebody else has it, or it is not due any more."""
    mine = (replies.c.id == reply_id, _due(now))
    values = {"fence": replies.c.fence + 1, "next_at": now + timedelta(seconds=seconds)}
    if not c.execute(update(replies).where(*mine).values(**values)).rowcount:
        return None
    return kept(c.execute(select(replies).where(replies.c.id == reply_id)).one())


def renew(c: Connection, held: Sequence[KeptReply], now: datetime, *, seconds: float) -> None:
    """Have those for so much longer that nobody has taken meanwhile."""
    for reply in held:
        mine = (replies.c.id == reply.id, replies.c.fence == reply.fence, replies.c.next_at.is_not(None))
        later = now + timedelta(seconds=seconds)
        c.execute(update(replies).where(*mine, replies.c.next_at < later).values(next_at=later))


def keep(c: Connection, reply: KeptReply, /, **values: Any) -> bool:
    """Write what became of it; False where it was taken by somebody else meanwhile."""
    mine = (replies.c.id == reply.id, replies.c.fence == reply.fence)
    return bool(c.execute(update(replies).where(*mine).values(**values)).rowcount)


def finish(c: Connection, reply: KeptReply, attempt: int | None, now: datetime, /, **values: Any) -> bool:
    """End it as `keep` writes; False where its Task goes on, which somebody asked for meanwhile."""
    mine: list[ColumnElement[bool]] = [replies.c.id == reply.id, replies.c.fence == reply.fence]
    if attempt is not None:
        ended = and_(tasks.c.state.in_(sorted(FINAL)), tasks.c.attempt == attempt)
        mine.append(exists().where(tasks.c.id == replies.c.task_id, ended))
    done = {"state": KeptState.FINISHED, "finished_at": now, "next_at": None, **values}
    return bool(c.execute(update(replies).where(*mine).values(**done)).rowcount)


def ahead(c: Connection, task_id: TaskId) -> int:
    """Return how many Tasks of the same Session come first."""
    mine = select(tasks.c.session_id, tasks.c.position).where(tasks.c.id == task_id).subquery()
    earlier = (tasks.c.session_id == mine.c.session_id, tasks.c.position < mine.c.position)
    query = select(func.count()).select_from(tasks).where(*earlier, tasks.c.state.in_(_GOING))
    return int(c.execute(query).scalar_one())


def last_pull(c: Connection, reply: KeptReply) -> KeptReply | None:
    """Return the thread's newest Reply before this one that has a pull request of ours."""
    before = (replies.c.pull_number.is_not(None), replies.c.id != reply.id)
    query = (
        select(replies)
        .where(in_thread(reply.trigger.thread), *before)
        .order_by(replies.c.created_at.desc())
        .limit(1)
    )
    row = c.execute(query).first()
    return None if row is None else kept(row)


def was_pushed(c: Connection, reply: KeptReply, sha: str) -> bool:
    """Tell whether a commit is what we pushed last for an earlier question of the same thread."""
    before = (replies.c.branch.is_not(None), replies.c.id != reply.id)
    query = select(replies.c.result).where(in_thread(reply.trigger.thread), *before)
    last = c.execute(query.order_by(replies.c.created_at.desc()).limit(1)).scalar()
    return last is not None and last.get("tip") == sha


def rename(c: Connection, repository_id: int, full_name: str) -> None:
    """Let what is still to be told in a repository be told under the name it has now."""
    mine = (replies.c.repository_id == repository_id, replies.c.repository != full_name)
    open_still = or_(replies.c.state == KeptState.OPEN, replies.c.problem.is_not(None))
    for row in c.execute(select(replies.c.id, replies.c.trigger).where(*mine, open_still)).all():
        trigger = {**row.trigger, "thread": {**row.trigger["thread"], "repository": full_name}}
        values = {"repository": full_name, "trigger": trigger}
        c.execute(update(replies).where(replies.c.id == row.id).values(**values))


def _due(now: datetime) -> ColumnElement[bool]:
    queued = exists().where(tasks.c.id == replies.c.task_id, tasks.c.state == TaskState.QUEUED)
    rests = and_(replies.c.comment_id.is_not(None), replies.c.next_at > now - _WAITING, queued)
    time_has_come = and_(replies.c.next_at <= now, not_(rests))
    return and_(replies.c.state == KeptState.OPEN, or_(replies.c.next_at.is_(None), time_has_come))


def _again() -> ColumnElement[bool]:
    going = select(tasks.c.id).where(tasks.c.state.in_(_GOING))
    return and_(replies.c.state == KeptState.FINISHED, replies.c.task_id.in_(going))
