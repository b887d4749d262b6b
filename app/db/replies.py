"""Replies: added with the Task or the notice they are of, and counted before one more is allowed."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, func, insert, not_, select, update

from app.db.github_rows import replies
from app.db.rows import attempts, tasks
from app.domain.gate import Counts
from app.domain.reply import KeptReply, KeptState, ReplyKind
from app.domain.task import FINAL, TaskId
from app.domain.trigger import Thread

_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
#: A Reply that goes on.
UNFINISHED: Mapping[str, Any] = {
    "state": KeptState.OPEN,
    "finished_at": None,
    "next_at": None,
    "tries": 0,
    "problem": None,
}
#: One whose Task runs again: the check that told of its end is followed by another.
ANEW: Mapping[str, Any] = {**UNFINISHED, "check_run_id": None}
#: What is said to a command, and may be answered with the next one.
_ANSWERS = frozenset({ReplyKind.HELP, ReplyKind.STATUS, ReplyKind.NOTHING})


def add(c: Connection, reply: KeptReply) -> None:
    """Insert the row; raises IntegrityError where its Task has one."""
    thread, author = reply.trigger.thread, reply.trigger.author
    values = reply.model_dump(exclude={"trigger", "head"})
    head = reply.head and reply.head.model_dump(mode="json")
    place = {"repository_id": thread.repository_id, "repository": thread.repository, "number": thread.number}
    asked = {"trigger": reply.trigger.model_dump(mode="json"), "head": head}
    c.execute(insert(replies).values(**values, **place, **asked, by_bot=bool(author and author.is_bot)))


def of_task(c: Connection, task_id: TaskId) -> KeptReply | None:
    """Return the Task's Reply, or None for one that does not come from GitHub."""
    row = c.execute(select(replies).where(replies.c.task_id == task_id)).first()
    return None if row is None else kept(row)


def of_delivery(c: Connection, delivery_id: str) -> KeptReply | None:
    """Return the Reply that the Delivery led to."""
    row = c.execute(select(replies).where(replies.c.delivery_id == delivery_id)).first()
    return None if row is None else kept(row)


def of_deliveries(c: Connection, delivery_ids: Sequence[str]) -> dict[str, KeptReply]:
    """Return the Replies that Deliveries led to, by the Delivery's id."""
    found = c.execute(select(replies).where(replies.c.delivery_id.in_(delivery_ids)))
    return {row.delivery_id: kept(row) for row in found}


def asked_for_branch(c: Connection, repository_id: int, branch: str) -> KeptReply | None:
    """Return the newest Reply whose work went to `branch`."""
    mine = (replies.c.repository_id == repository_id, replies.c.branch == branch)
    row = c.execute(select(replies).where(*mine).order_by(replies.c.created_at.desc()).limit(1)).first()
    return None if row is None else kept(row)


def unfinished_tasks(c: Connection, thread: Thread) -> list[TaskId]:
    """Return the thread's Tasks that wait or run, in the order in which they run."""
    query = _tasks(thread).where(tasks.c.state.not_in(sorted(FINAL))).order_by(tasks.c.position)
    return [TaskId(task_id) for task_id in c.execute(query).scalars()]


def last_task(c: Connection, thread: Thread) -> TaskId | None:
    """Return the thread's newest Task."""
    found = c.execute(_tasks(thread).order_by(tasks.c.position.desc()).limit(1)).scalar()
    return None if found is None else TaskId(found)


def reopen(c: Connection, task_id: TaskId) -> None:
    """The Task runs again, and its comment, if it has one, goes on."""
    c.execute(update(replies).where(replies.c.task_id == task_id).values(**ANEW))


def note_eyes(c: Connection, reply_id: str, reaction_id: int) -> None:
    """Remember which reaction says that the question was seen."""
    c.execute(update(replies).where(replies.c.id == reply_id).values(reaction_id=reaction_id))


def counts(c: Connection, thread: Thread, *, user_id: int | None, now: datetime) -> Counts:
    """Return how much has come from where; consistent for who has asked for the thread's Session."""
    here = in_thread(thread)
    hour = replies.c.created_at > now - _HOUR
    made = select(func.count()).select_from(replies).where(replies.c.kind == ReplyKind.TASK)
    newest = made.with_only_columns(func.max(replies.c.created_at)).where(here).scalar_subquery()
    paused = select(replies.c.id).where(here, replies.c.kind == ReplyKind.PAUSED)
    since = func.coalesce(replies.c.created_at > newest, True)
    by_user = made.where(replies.c.requester_id == user_id, hour)
    return Counts(
        thread_hour=c.execute(made.where(here, hour)).scalar_one(),
        thread_day=c.execute(made.where(here, replies.c.created_at > now - _DAY)).scalar_one(),
        thread_bots=_bots_in_a_row(c, thread),
        repository_hour=c.execute(
            made.where(replies.c.repository_id == thread.repository_id, hour)
        ).scalar_one(),
        user_hour=0 if user_id is None else c.execute(by_user).scalar_one(),
        answers_hour=answers_hour(c, thread, now=now),
        runs_hour=_runs(c, thread, now - _HOUR),
        notice_sent=c.execute(paused.where(since).limit(1)).first() is not None,
    )


def answers_hour(c: Connection, thread: Thread, *, now: datetime) -> int:
    """Return how many comments within the hour only answered a command."""
    mine = (in_thread(thread), replies.c.kind.in_(_ANSWERS), replies.c.created_at > now - _HOUR)
    return int(c.execute(select(func.count()).select_from(replies).where(*mine)).scalar_one())


def kept(row: Row[Any]) -> KeptReply:
    """Return a row of the table as what it is."""
    return KeptReply.model_validate({name: getattr(row, name) for name in KeptReply.model_fields})


def in_thread(thread: Thread) -> ColumnElement[bool]:
    """Whether a Reply is of this issue or pull request, whatever its repository is called."""
    return and_(replies.c.repository_id == thread.repository_id, replies.c.number == thread.number)


def _runs(c: Connection, thread: Thread, since: datetime) -> int:
    joined = replies.join(attempts, attempts.c.task_id == replies.c.task_id)
    begun = select(func.count()).select_from(joined).where(in_thread(thread), attempts.c.started_at > since)
    return int(c.execute(begun).scalar_one())


def _bots_in_a_row(c: Connection, thread: Thread) -> int:
    made = (in_thread(thread), replies.c.kind == ReplyKind.TASK)
    person = select(func.max(replies.c.created_at)).where(*made, not_(replies.c.by_bot)).scalar_subquery()
    since = func.coalesce(replies.c.created_at > person, True)
    rows = select(func.count()).select_from(replies).where(*made, replies.c.by_bot, since)
    return int(c.execute(rows).scalar_one())


def _tasks(thread: Thread) -> Select[Any]:
    joined = replies.join(tasks, tasks.c.id == replies.c.task_id)
    return select(tasks.c.id).select_from(joined).where(in_thread(thread))
