"""One run of a Task, from claim to end.

Every write carries the Attempt's number, and a stale one is refused.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    Connection,
    and_,
    case,
    exists,
    false,
    func,
    insert,
    literal,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.exc import IntegrityError

from app.clock import utcnow
from app.db import events
from app.db.postgres import wait_for_rows
from app.db.rows import attempts, sessions, tasks
from app.db.tasks import TOKENS, due, get
from app.db.types import Usd
from app.domain.reason import Reason, sentence
from app.domain.task import FINAL, UNCOUNTED, AttemptState, Hold, SessionId, Task, TaskId, TaskState, Tokens
from app.errors import LeaseLost

#: Seconds one who looks after many Tasks waits for the row of one.
ROW_PATIENCE = 2.0


@dataclass(frozen=True)
class Claim:
    """A Task that is ours to run now, and what its Session remembers of the CLI."""

    task: Task
    cli_session_id: str | None
    cli_cost_usd: Decimal

    @property
    def attempt(self) -> int:
        """The fencing token."""
        return self.task.attempt


@dataclass(frozen=True)
class Ending:
    """How an Attempt ended and what becomes of its Task."""

    task_state: TaskState
    attempt_state: AttemptState
    reason: Reason | None = None
    detail: str = ""
    attention: Reason | None = None
    not_before: datetime | None = None
    exit_code: int | None = None
    result: str | None = None
    cost_usd: Decimal = Decimal(0)
    tokens: Tokens = field(default_factory=Tokens)
    #: What the Session remembers for --resume; None forgets it.
    cli_session_id: str | None = None
    cli_cost_usd: Decimal = Decimal(0)
    #: The refused Credential its Task goes back to wait for: what only tried that again does not count.
    held_by: str | None = None
    #: Spent in the CLI's session by the Attempt before this one, which was ended before it could tell.
    earlier_usd: Decimal = Decimal(0)

    def cancelled(self) -> "Ending":
        """Return what becomes of a Task that was to go on and that somebody asked to stop meanwhile."""
        return replace(
            self,
            task_state=TaskState.CANCELLED,
            attempt_state=AttemptState.CANCELLED,
            reason=Reason.CANCELLED,
            detail=sentence(Reason.CANCELLED),
            not_before=None,
            held_by=None,
        )


def claim(c: Connection, task_id: TaskId, *, machine: str) -> Claim | None:
    """Turn a queued Task that is due into a running Attempt of ours; None where it is not ours to run.

    One conditional UPDATE decides. Under Postgres two Tasks of one Session may pass it side by side;
    the partial unique index then refuses the second.
    """
    now = utcnow()
    ours = update(tasks).where(tasks.c.id == task_id, due(now))
    values = {
        "state": TaskState.RUNNING,
        "attempt": tasks.c.attempt + 1,
        "lease": tasks.c.lease + 1,
        "started_at": func.coalesce(tasks.c.started_at, now),
        "not_before": None,
        "finished_at": None,
        # Why the Attempt before it ended is for that Attempt to say.
        "reason": None,
        "detail": "",
    }
    try:
        with c.begin_nested():
            row = c.execute(ours.values(**values).returning(*tasks.c)).first()
    except IntegrityError:
        return None
    if row is None:
        return None
    attempt = {"task_id": task_id, "number": row.attempt, "state": AttemptState.RUNNING}
    c.execute(insert(attempts).values(**attempt, machine=machine, started_at=now))
    events.append_status(c, task_id, TaskState.RUNNING, f"attempt {row.attempt}", now)
    session = c.execute(select(sessions).where(sessions.c.id == row.session_id)).one()
    same = session.cli == row.cli
    return Claim(
        task=get(c, task_id),
        cli_session_id=session.cli_session_id if same else None,
        cli_cost_usd=session.cli_cost_usd if same else Decimal(0),
    )


def renew(c: Connection, task_id: TaskId, attempt: int) -> bool | None:
    """Raise the Lease counter if the Attempt is still ours; return whether a cancel was asked for.

    None: it is no longer ours; its Task may be, under a later one. Raises Locked after `ROW_PATIENCE`.
    """
    wait_for_rows(c, ROW_PATIENCE)
    row = c.execute(
        update(tasks)
        .where(tasks.c.id == task_id, tasks.c.attempt == attempt, tasks.c.state == TaskState.RUNNING)
        .values(lease=tasks.c.lease + 1)
        .returning(tasks.c.cancel_requested)
    ).first()
    if row is None:
        return None
    renewed = {"renewals": attempts.c.renewals + 1, "renewed_at": utcnow()}
    one = (attempts.c.task_id == task_id, attempts.c.number == attempt)
    c.execute(update(attempts).where(*one).values(**renewed))
    return bool(row.cancel_requested)


def cancel_asked(c: Connection, task_ids: Sequence[TaskId]) -> set[TaskId]:
    """Return those of `task_ids` somebody asked to cancel."""
    query = select(tasks.c.id).where(tasks.c.id.in_(task_ids), tasks.c.cancel_requested == true())
    return set(c.execute(query).scalars())


def finish(c: Connection, task_id: TaskId, attempt: int, ending: Ending) -> Task:
    """End the Attempt and move its Task on; raises LeaseLost where the Attempt is no longer ours.

    A Task that was to go back to the queue ends as cancelled where somebody asked for that meanwhile.
    Safe to ask again after an Unavailable: an end that is stored already is returned as it is.
    """
    now = utcnow()
    row = _taken(c, task_id, attempt)
    if row is None:
        return _ended_before(c, task_id, attempt)
    if row.cancel_requested and ending.task_state is TaskState.QUEUED:
        ending = ending.cancelled()
    _end_attempt(c, task_id, attempt, ending, now)
    counted = ending.attempt_state not in UNCOUNTED and ending.held_by is None
    c.execute(
        update(tasks)
        .where(tasks.c.id == task_id)
        .values(
            state=ending.task_state,
            reason=ending.reason,
            detail=ending.detail,
            attention=ending.attention,
            hold=None if ending.held_by is None else Hold.CREDENTIAL_EXPIRED,
            held_by=ending.held_by,
            not_before=ending.not_before,
            result=ending.result,
            finished_at=now if ending.task_state in FINAL else None,
            failures=tasks.c.failures + int(counted),
            cost_usd=tasks.c.cost_usd + ending.cost_usd,
            rung_at=None,
            cancel_requested=false(),
            **{f"tokens_{n}": tasks.c[f"tokens_{n}"] + getattr(ending.tokens, n) for n in TOKENS},
        )
    )
    _account(c, row.session_id, row.cli, ending, now)
    if ending.earlier_usd:
        _book_earlier(c, row.session_id, task_id, attempt, ending.earlier_usd)
    events.append_status(c, task_id, ending.task_state, ending.detail, now)
    return get(c, task_id)


def _taken(c: Connection, task_id: TaskId, attempt: int) -> Any:
    """Lock the Task's row if the Attempt still has it; a cancel that comes later finds it ended."""
    ours = (tasks.c.id == task_id, tasks.c.attempt == attempt, tasks.c.state == TaskState.RUNNING)
    query = select(tasks.c.session_id, tasks.c.cli, tasks.c.cancel_requested).where(*ours)
    return c.execute(query.with_for_update()).first()


def _end_attempt(c: Connection, task_id: TaskId, attempt: int, ending: Ending, now: datetime) -> None:
    c.execute(
        update(attempts)
        .where(attempts.c.task_id == task_id, attempts.c.number == attempt)
        .values(
            state=ending.attempt_state,
            reason=ending.reason,
            detail=ending.detail,
            finished_at=now,
            exit_code=ending.exit_code,
            cost_usd=ending.cost_usd,
            **{f"tokens_{name}": getattr(ending.tokens, name) for name in TOKENS},
        )
    )


def _ended_before(c: Connection, task_id: TaskId, attempt: int) -> Task:
    state = c.execute(
        select(attempts.c.state).where(attempts.c.task_id == task_id, attempts.c.number == attempt)
    ).scalar()
    if state in {None, AttemptState.LOST}:
        raise LeaseLost
    return get(c, task_id)


def _account(c: Connection, session_id: SessionId, cli: str, ending: Ending, now: datetime) -> None:
    changed = update(sessions).where(sessions.c.id == session_id)
    c.execute(changed.values(cost_usd=sessions.c.cost_usd + ending.cost_usd, updated_at=now))
    memory = {"cli": cli, "cli_session_id": ending.cli_session_id, "cli_cost_usd": ending.cli_cost_usd}
    if ending.cli_session_id is None:
        # What another CLI remembers of this conversation is not forgotten by one that remembers nothing.
        changed = changed.where(sessions.c.cli == cli)
    c.execute(changed.values(**memory))


def _book_earlier(c: Connection, session_id: SessionId, task_id: TaskId, attempt: int, usd: Decimal) -> None:
    """Book dollars to the Attempt that spent them: the Session's last one before this."""
    others = or_(attempts.c.task_id != task_id, attempts.c.number != attempt)
    ended = select(attempts.c.task_id, attempts.c.number).join(tasks, tasks.c.id == attempts.c.task_id)
    ended = ended.where(tasks.c.session_id == session_id, others).order_by(attempts.c.started_at.desc())
    spender = c.execute(ended.limit(1)).first()
    if spender is None:
        return
    one = (attempts.c.task_id == spender.task_id, attempts.c.number == spender.number)
    c.execute(update(attempts).where(*one).values(cost_usd=attempts.c.cost_usd + usd))
    c.execute(update(tasks).where(tasks.c.id == spender.task_id).values(cost_usd=tasks.c.cost_usd + usd))
    c.execute(update(sessions).where(sessions.c.id == session_id).values(cost_usd=sessions.c.cost_usd + usd))


def remember_cli_session(c: Connection, task: Task, cli_session_id: str) -> None:
    """Keep what --resume will take as soon as the CLI has told it, so that a crash does not lose it."""
    ours = exists().where(
        tasks.c.id == task.id, tasks.c.attempt == task.attempt, tasks.c.state == TaskState.RUNNING
    )
    # Another id is another account: what the CLI reports for it begins at nothing.
    same = and_(sessions.c.cli == task.cli, sessions.c.cli_session_id == cli_session_id)
    cost = case((same, sessions.c.cli_cost_usd), else_=literal(Decimal(0), Usd()))
    changed = update(sessions).where(sessions.c.id == task.session_id, ours)
    c.execute(changed.values(cli=task.cli, cli_session_id=cli_session_id, cli_cost_usd=cost))


def note_sandbox(c: Connection, task_id: TaskId, attempt: int, *, label: str, trusted: bool) -> Task:
    """Write down how the Attempt is kept apart and return its Task; raises LeaseLost where it is not ours."""
    ours = (tasks.c.id == task_id, tasks.c.attempt == attempt, tasks.c.state == TaskState.RUNNING)
    if c.execute(update(tasks).where(*ours).values(sandbox=label, workspace_trusted=trusted)).rowcount == 0:
        raise LeaseLost
    one = (attempts.c.task_id == task_id, attempts.c.number == attempt)
    c.execute(update(attempts).where(*one).values(sandbox=label))
    return get(c, task_id)
