"""Tasks that ran already: rows as a worker would have left them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Connection, update

from app.clock import utcnow
from app.db import doorbells, events, leases, ledger, rows, runs, tasks
from app.db.engine import Database
from app.db.runs import Claim, Ending
from app.db.tasks import NewTask
from app.domain.event import Event, Text
from app.domain.reason import Reason, sentence
from app.domain.task import AttemptState, SessionId, Task, TaskId, TaskState

GOOD = Ending(task_state=TaskState.COMPLETED, attempt_state=AttemptState.SUCCEEDED, exit_code=0)
INTERRUPTED = Ending(
    task_state=TaskState.QUEUED,
    attempt_state=AttemptState.INTERRUPTED,
    reason=Reason.INTERRUPTED,
    detail=sentence(Reason.INTERRUPTED),
)

_PIECE = 1000


@dataclass(frozen=True)
class Run:
    """One Attempt: what it printed, how it ended (None: its worker died), renewals, doorbells after it."""

    script: Sequence[Event]
    ending: Ending | None = GOOD
    renewals: int = 0
    rung: int = 0


class Stage:
    """Writes what a worker writes, with the same verbs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def play(
        self,
        message: str,
        script: Sequence[Event],
        *,
        ending: Ending = GOOD,
        agent: str = "demo",
        cli: str = "demo",
        after: Task | None = None,
    ) -> Task:
        """Return a Task that printed `script` and ended so; `after` is one of the same conversation."""
        session_id = None if after is None else after.session_id
        return self._database.write(_played, _new(message, agent, cli, session_id), [Run(script, ending)])

    def play_runs(self, message: str, script: Sequence[Run]) -> Task:
        """Return a Task that was run so often."""
        # In one transaction, so that no worker claims what is only played.
        return self._database.write(_played, _new(message), script)

    def begin(self, message: str, script: Sequence[Event], *, before: Sequence[Run] = ()) -> Task:
        """Return a Task that runs, after what was `before`: for half a minute, then it is taken for lost."""
        return self._database.write(_begun, _new(message), before, script)

    def renew(self, task: Task) -> None:
        """Renew the Lease of one that runs."""
        self._database.write(runs.renew, task.id, task.attempt)

    def cage(self, task: Task, label: str, *, trusted: bool) -> None:
        """Say how one that runs is kept apart."""
        self._database.write(runs.note_sandbox, task.id, task.attempt, label=label, trusted=trusted)

    def end(self, task: Task) -> None:
        """Let one that runs end well, without telling anybody."""
        self._database.write(runs.finish, task.id, task.attempt, GOOD)

    def wait(self, message: str) -> Task:
        """Return a Task that waits: for a minute everybody thinks that a worker was told of it."""
        return self._database.write(_waiting, _new(message))

    def age(self, task: Task, *, days: int) -> None:
        """Have all of it happened so long ago."""
        self._database.write(_aged, task, timedelta(days=days))

    def pause(self, message: str) -> Task:
        """Return a Task that failed once and waits ten minutes for its second Attempt."""
        ending = Ending(
            task_state=TaskState.QUEUED,
            attempt_state=AttemptState.FAILED,
            reason=Reason.OVERLOADED,
            detail=sentence(Reason.OVERLOADED, detail="HTTP 529"),
            not_before=utcnow() + timedelta(minutes=10),
        )
        return self.play(message, [Text(text="Begun.")], ending=ending)

    def fill(self, limit: int) -> list[Task]:
        """Let `limit` Tasks wait in all, and return those it took."""
        waiting = self._database.read(tasks.counts)[TaskState.QUEUED]
        return [self.pause(f"Waits {number}") for number in range(waiting, limit)]

    def cancel(self, *played: Task) -> None:
        """Take from the queue what still waits there."""
        for task in played:
            self._database.write(tasks.cancel, task.id)


def _new(
    message: str, agent: str = "demo", cli: str = "demo", session_id: SessionId | None = None
) -> NewTask:
    return NewTask(message=message, agent=agent, cli=cli, max_attempts=3, session_id=session_id)


def _begun(c: Connection, new: NewTask, before: Sequence[Run], script: Sequence[Event]) -> Task:
    task = _played(c, new, before)
    _print(c, _claimed(c, task.id), script)
    return tasks.get(c, task.id)


def _waiting(c: Connection, new: NewTask) -> Task:
    task = tasks.create(c, new)
    doorbells.mark_rung(c, [task.id], utcnow() + doorbells.SKEW / 2)
    return task


def _aged(c: Connection, task: Task, by: timedelta) -> None:
    of_task, of_session = rows.tasks.c, rows.sessions.c
    begun, ended = task.created_at - by, utcnow() - by
    c.execute(update(rows.tasks).where(of_task.id == task.id).values(created_at=begun, finished_at=ended))
    c.execute(update(rows.sessions).where(of_session.id == task.session_id).values(updated_at=ended))


def _claimed(c: Connection, task_id: TaskId) -> Claim:
    claim = runs.claim(c, task_id, machine="stage")
    assert claim is not None
    return claim


def _played(c: Connection, new: NewTask, script: Sequence[Run]) -> Task:
    task_id = tasks.create(c, new).id
    for run in script:
        claim = _claimed(c, task_id)
        _print(c, claim, run.script)
        for _ in range(run.renewals):
            runs.renew(c, task_id, claim.attempt)
        if run.ending is None:
            _lose(c, task_id)
        else:
            runs.finish(c, task_id, claim.attempt, run.ending)
        for _ in range(run.rung):
            ledger.note_ignored(c, task_id)
    return tasks.get(c, task_id)


def _print(c: Connection, claim: Claim, script: Sequence[Event]) -> None:
    seq = claim.task.last_seq
    for start in range(0, len(script), _PIECE):
        records = events.number(script[start : start + _PIECE], after=seq, attempt=claim.attempt, at=utcnow())
        payload = events.encode(records)
        batch = events.Batch(
            claim.task.id, claim.attempt, after=seq, last_seq=seq + len(records), payload=payload
        )
        events.append(c, batch)
        seq = batch.last_seq


def _lose(c: Connection, task_id: TaskId) -> None:
    attempt, counter = next(
        (attempt, counter) for found, attempt, counter in leases.running(c) if found == task_id
    )
    leases.rescue(c, task_id, attempt=attempt, counter=counter)
