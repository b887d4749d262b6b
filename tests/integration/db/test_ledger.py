"""Ignored doorbells are counted, by reason."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from app.db import ledger, runs
from app.db.engine import Database
from app.db.ledger import Why
from app.db.runs import Claim, Ending
from app.domain.task import AttemptState, Task, TaskId, TaskState


def test_each_reason_is_counted_by_itself(
    db: Database, claimed: Claim, new_task: Callable[..., Task]
) -> None:
    """What ran already, what is done, what waits for its Session, what never was."""
    task = claimed.task
    following = new_task(task.session_id)
    assert db.write(ledger.note_ignored, following.id) is Why.SESSION_BUSY
    assert db.write(ledger.note_ignored, task.id) is Why.RUNNING
    db.write(runs.finish, task.id, 1, Ending(TaskState.COMPLETED, AttemptState.SUCCEEDED))
    assert db.write(ledger.note_ignored, task.id) is Why.FINISHED
    assert db.write(ledger.note_ignored, TaskId("nothing")) is None
    assert [(i["why"], i["count"]) for i in db.read(ledger.ignored_of, task.id)] == [
        (Why.RUNNING, 1),
        (Why.FINISHED, 1),
    ]


def test_none_is_miscounted_by_racing_workers(db: Database, claimed: Claim) -> None:
    """Two hundred at once are two hundred."""
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: db.write(ledger.note_ignored, claimed.task.id), range(200)))
    (counted,) = db.read(ledger.ignored_of, claimed.task.id)
    assert counted["count"] == 200
