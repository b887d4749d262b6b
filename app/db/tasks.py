"""The Task's row: create, claim, renew, finish, cancel, retry.

Every write of a run carries its Attempt number.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    exists,
    false,
    func,
    insert,
    or_,
    select,
    true,
    update,
)

from app.clock import utcnow
from app.db import events, github_rows, replies
from app.db.rows import attempts, sessions, tasks
from app.domain.event import Event
from app.domain.reason import Reason
from app.domain.reply import KeptState
from app.domain.session import title_from
from app.domain.task import (
    Attempt,
    Hold,
    SessionId,
    Task,
    TaskId,
    TaskState,
    Tokens,
)
from app.errors import Conflict, NotFound, TooMany

#: The kinds of tokens, as the columns are named.
TOKENS = ("input", "output", "cache_read", "cache_write")


#: A page of Tasks ends after so many characters of theirs, even if more were asked for.
PAGE_BYTES = 4 * 1024 * 1024
#: Tasks of a Session shown with it; earlier ones are on the pages of all Tasks.
SESSION_TASKS = 1000


@dataclass(frozen=True)
class Page:
    """A part of a list, and whether it goes on."""

    items: list[Task]
    more: bool


@dataclass(frozen=True)
class NewTask:
    """What POST /api/chat asks for, validated; no session_id opens a new Session."""

    message: str
    agent: str
    cli: str
    max_attempts: int
    session_id: SessionId | None = None
    #: Tasks that may wait in all; 0: any number.
    queue_limit: int = 0
    #: The message holds a stranger's text.
    from_outside: bool = False
    #: Said to the reader before anything runs, such as that another agent was taken.
    notices: tuple[Event, ...] = ()


#: Made once: an alias costs a millisecond.
_other = tasks.alias("other")


def _busy() -> ColumnElement[bool]:
    """Whether an earlier Task of the same Session runs or waits, or what it changed is still being pushed."""
    before = and_(_other.c.state == TaskState.QUEUED, _other.c.position < tasks.c.position)
    going = exists().where(
        _other.c.session_id == tasks.c.session_id,
        _other.c.id != tasks.c.id,
        or_(_other.c.state == TaskState.RUNNING, before),
    )
    return or_(going, tasks.c.session_id.in_(_unpushed()))


def _unpushed() -> Select[Any]:
    """Return the Sessions whose last changes are not on GitHub yet: what comes next goes on top of them.

    Few have any, so they are found once and not again for each Task.
    """
    bundles, kept = github_rows.bundles, github_rows.replies
    done = bundles.join(_other, _other.c.id == bundles.c.task_id).join(
        kept, kept.c.task_id == bundles.c.task_id
    )
    # A Task that is retried has a bundle too, and waits for nobody.
    ended = (_other.c.state == TaskState.COMPLETED, kept.c.state == KeptState.OPEN)
    return select(_other.c.session_id).select_from(done).where(*ended)


def due(now: datetime) -> ColumnElement[bool]:
    """Whether a Task may be claimed now: queued, nothing holds it, its Session free, tries left."""
    return and_(
        tasks.c.state == TaskState.QUEUED,
        tasks.c.hold.is_(None),
        or_(tasks.c.not_before.is_(None), tasks.c.not_before <= now),
        tasks.c.failures < tasks.c.max_attempts,
        ~_busy(),
    )


def _selected() -> Any:
    return select(tasks, _busy().label("busy"))


def _tokens(row: Row[Any]) -> Tokens:
    return Tokens(**{name: getattr(row, f"tokens_{name}") for name in TOKENS})


def _task(row: Row[Any]) -> Task:
    fields = {name: getattr(row, name) for name in Task.model_fields if name not in {"tokens", "hold"}}
    state, hold = TaskState(row.state), row.hold
    if hold is None and state is TaskState.QUEUED and getattr(row, "busy", False):
        hold = Hold.SESSION_BUSY
    return Task(**fields, tokens=_tokens(row), hold=hold)


def create(c: Connection, new: NewTask) -> Task:
    """Insert a queued Task (and its Session if none is given).

    Raises NotFound for an unknown Session and TooMany where the queue is full.
    """
    if new.queue_limit:
        _check_room(c, new.queue_limit)
    now = utcnow()
    session_id, position = _place(c, new, now)
    task_id = TaskId(str(uuid.uuid4()))
    c.execute(
        insert(tasks).values(
            id=task_id,
            session_id=session_id,
            position=position,
            agent=new.agent,
            cli=new.cli,
            message=new.message,
            state=TaskState.QUEUED,
            created_at=now,
            max_attempts=new.max_attempts,
            from_outside=new.from_outside,
            last_seq=len(new.notices),
        )
    )
    if new.notices:
        events.insert_chunk(c, task_id, 0, events.number(new.notices, after=0, attempt=0, at=now))
    return get(c, task_id)


def _check_room(c: Connection, limit: int) -> None:
    waiting = c.execute(select(func.count()).where(tasks.c.state == TaskState.QUEUED)).scalar_one()
    if waiting >= limit:
        raise TooMany(
            f"{waiting} tasks wait already, and ERRAND_QUEUE_LIMIT is {limit}. Try again when some are done.",
            reason="queue_full",
            retry_after=30,
        )


def _place(c: Connection, new: NewTask, now: datetime) -> tuple[SessionId, int]:
    if new.session_id is None:
        session_id = SessionId(str(uuid.uuid4()))
        row = {"id": session_id, "title": title_from(new.message), "agent": new.agent}
        c.execute(insert(sessions).values(**row, created_at=now, updated_at=now, tasks_made=1))
        return session_id, 1
    made = c.execute(
        update(sessions)
        .where(sessions.c.id == new.session_id, ~sessions.c.going)
        .values(tasks_made=sessions.c.tasks_made + 1, updated_at=now)
        .returning(sessions.c.tasks_made)
    ).scalar()
    if made is None:
        raise NotFound(f"There is no session {new.session_id}.")
    return new.session_id, made


def get(c: Connection, task_id: TaskId) -> Task:
    """Return the Task; raises NotFound."""
    row = c.execute(_selected().where(tasks.c.id == task_id)).first()
    if row is None:
        raise NotFound(f"There is no task {task_id}.")
    return _task(row)


def attempts_of(c: Connection, task_id: TaskId) -> list[Attempt]:
    """Return the Task's Attempts, oldest first."""
    rows = c.execute(select(attempts).where(attempts.c.task_id == task_id).order_by(attempts.c.number))
    plain = [name for name in Attempt.model_fields if name != "tokens"]
    return [Attempt(**{name: getattr(row, name) for name in plain}, tokens=_tokens(row)) for row in rows]


def page(
    c: Connection,
    *,
    state: TaskState | None = None,
    session_id: str | None = None,
    agent: str | None = None,
    limit: int = 50,
    before: tuple[datetime, str] | None = None,
) -> Page:
    """Return up to `limit` Tasks, newest first, older than the (created_at, id) in `before`.

    Fewer, but one at least, where their messages and results are large.
    """
    query = _selected().order_by(tasks.c.created_at.desc(), tasks.c.id.desc()).limit(limit + 1)
    for column, value in ((tasks.c.state, state), (tasks.c.session_id, session_id), (tasks.c.agent, agent)):
        if value is not None:
            query = query.where(column == value)
    if before is not None:
        at, task_id = before
        query = query.where(
            or_(tasks.c.created_at < at, and_(tasks.c.created_at == at, tasks.c.id < task_id))
        )
    return _read_page(c, query, limit)


def of_session(c: Connection, session_id: SessionId) -> Page:
    """Return the Session's Tasks in order; the newest of them where there are many, or large ones."""
    newest = _selected().where(tasks.c.session_id == session_id).order_by(tasks.c.position.desc())
    found = _read_page(c, newest.limit(SESSION_TASKS + 1), SESSION_TASKS)
    return Page(found.items[::-1], found.more)


def _read_page(c: Connection, query: Select[Any], limit: int) -> Page:
    found: list[Task] = []
    size = 0
    with c.execution_options(stream_results=True, yield_per=16).execute(query) as rows:
        for row in rows:
            if len(found) == limit or size > PAGE_BYTES:
                return Page(found, more=True)
            found.append(_task(row))
            size += len(row.message) + len(row.result or "") + len(row.detail)
    return Page(found, more=False)


def counts(c: Connection) -> dict[TaskState, int]:
    """Return how many Tasks are in each state."""
    rows = c.execute(select(tasks.c.state, func.count()).group_by(tasks.c.state))
    found = {TaskState(state): n for state, n in rows}
    return {state: found.get(state, 0) for state in TaskState}


def cancel(c: Connection, task_id: TaskId) -> Task:
    """Cancel a queued Task, ask a running one to stop, leave a cancelled one; else raise Conflict."""
    state = lock(c, task_id)
    changed = update(tasks).where(tasks.c.id == task_id)
    if state is TaskState.QUEUED:
        now, detail = utcnow(), "Cancelled before it started."
        ended = {"state": TaskState.CANCELLED, "reason": Reason.CANCELLED, "detail": detail}
        c.execute(changed.values(**ended, hold=None, held_by=None, not_before=None, finished_at=now))
        events.append_status(c, task_id, TaskState.CANCELLED, detail, now)
    elif state is TaskState.RUNNING:
        c.execute(changed.values(cancel_requested=true()))
    elif state is not TaskState.CANCELLED:
        raise Conflict(f"The task is {state} already; there is nothing to cancel.", reason="already_finished")
    return get(c, task_id)


def retry(c: Connection, task_id: TaskId) -> Task:
    """Queue a finished Task again; its old output stays. Raises Conflict for one that is not finished."""
    state = lock(c, task_id)
    if not state.final:
        raise Conflict(f"The task is {state}; only a finished one can be retried.", reason="not_finished")
    now = utcnow()
    values = {"reason": None, "detail": "", "attention": None, "result": None, "not_before": None}
    times = {"started_at": None, "finished_at": None, "rung_at": None}
    fresh = {"state": TaskState.QUEUED, "failures": 0, "cancel_requested": false()}
    c.execute(update(tasks).where(tasks.c.id == task_id).values(**values, **times, **fresh))
    events.append_status(c, task_id, TaskState.QUEUED, "Asked to run again.", now)
    # Here, for it may have ended again before anybody looks.
    replies.reopen(c, task_id)
    mine = select(tasks.c.session_id).where(tasks.c.id == task_id).scalar_subquery()
    # As every end of a Task does: whichever of two comes second sees the other, and rings for who is next.
    used = update(sessions).where(sessions.c.id == mine, ~sessions.c.going).values(updated_at=now)
    if not c.execute(used).rowcount:
        raise NotFound(f"There is no task {task_id} any more.")
    return get(c, task_id)


def lock(c: Connection, task_id: TaskId) -> TaskState:
    """Return the Task's state, which stays until this transaction ends; raises NotFound.

    An UPDATE with the state in its WHERE would on Postgres match nothing, rather than look again, where the
    state changed while it waited for the row.
    """
    # SQLite has no FOR UPDATE and needs none: BEGIN IMMEDIATE has locked everything.
    row = c.execute(select(tasks.c.state).where(tasks.c.id == task_id).with_for_update()).first()
    if row is None:
        raise NotFound(f"There is no task {task_id}.")
    return TaskState(row.state)


def next_in_session(c: Connection, session_id: SessionId) -> TaskId | None:
    """Return the Session's next Task that may run now."""
    query = select(tasks.c.id).where(tasks.c.session_id == session_id, due(utcnow()))
    found = c.execute(query.order_by(tasks.c.position).limit(1)).scalar()
    return None if found is None else TaskId(found)
