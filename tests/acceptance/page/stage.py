"""Tasks that ran already: rows as a worker would have left them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Connection

from app.clock import utcnow
from app.db import events, leases, ledger, runs, tasks
from app.db.engine import Database
from app.db.runs import Claim, Ending
from app.db.tasks import NewTask
from app.domain.event import Event, Text
from app.domain.reason import Reason, sentence
from app.domain.task import AttemptState, Task, TaskId, TaskState

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
    """One Attempt: what it printed, how it ended (None: its worker died), and doorbells after it."""

    script: Sequence[Event]
    ending: Ending | None = GOOD
    rung: int = 0


class Stage:
    """Writes what a worker writes, with the same verbs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def play(
        self, message: str, script: Sequence[Event], *, ending: Ending = GOOD, agent: str = "demo"
    ) -> Task:
        """Return a Task that printed `script` and ended so."""
        return self.play_runs(message, [Run(script, ending)], agent=agent)

    def play_runs(self, message: str, script: Sequence[Run], *, agent: str = "demo") -> Task:
        """Return a Task that was run so often."""
        new = NewTask(message=message, agent=agent, cli="demo", max_attempts=3)
        # In one transaction, so that no worker claims what is only played.
        return self._database.write(_played, new, script)

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


def _played(c: Connection, new: NewTask, script: Sequence[Run]) -> Task:
    task_id = tasks.create(c, new).id
    for run in script:
        claim = runs.claim(c, task_id, machine="stage")
        assert claim is not None
        _print(c, claim, run.script)
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
