"""How Attempts end: against a cancel at the same moment, and in the Session's memory and accounts."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal

import pytest

from app.clock import utcnow
from app.db import leases, runs, sessions, tasks
from app.db.engine import Database
from app.db.runs import Claim, Ending
from app.db.tasks import NewTask
from app.domain.reason import Reason
from app.domain.task import AttemptState, Task, TaskState
from app.errors import Conflict

Make = Callable[..., Task]

INTERRUPTED = Ending(TaskState.QUEUED, AttemptState.INTERRUPTED, Reason.INTERRUPTED, "Shut down.")
OVERLOADED = Ending(
    TaskState.QUEUED,
    AttemptState.FAILED,
    Reason.OVERLOADED,
    not_before=utcnow() + timedelta(hours=1),
    cost_usd=Decimal("0.1"),
)


@pytest.mark.parametrize("ending", [INTERRUPTED, OVERLOADED], ids=["interrupted", "tried again later"])
def test_a_cancel_that_was_accepted_outlives_the_run(db: Database, claimed: Claim, ending: Ending) -> None:
    """A Task that was to go back to the queue ends instead; what it cost is booked."""
    db.write(tasks.cancel, claimed.task.id)

    task = db.write(runs.finish, claimed.task.id, 1, ending)

    assert (task.state, task.reason, task.not_before) == (TaskState.CANCELLED, Reason.CANCELLED, None)
    assert (task.failures, task.cost_usd) == (0, ending.cost_usd)
    (attempt,) = db.read(tasks.attempts_of, task.id)
    assert attempt.state is AttemptState.CANCELLED
    assert db.write(runs.claim, task.id, machine="m") is None


@pytest.mark.parametrize("how", ["finish", "rescue"])
def test_a_cancel_at_the_very_end_of_a_run_is_never_lost(db: Database, new_task: Make, how: str) -> None:
    """Before the end, after it or during it: accepted, and the Task is not run again; forty times over."""

    def end(claim: Claim, gate: threading.Barrier) -> None:
        gate.wait()
        if how == "finish":
            db.write(runs.finish, claim.task.id, 1, INTERRUPTED)
        else:
            counters = {row[0]: row[2] for row in db.read(leases.running)}
            db.write(leases.rescue, claim.task.id, attempt=1, counter=counters[claim.task.id])

    def cancel(claim: Claim, gate: threading.Barrier) -> None:
        gate.wait()
        db.write(tasks.cancel, claim.task.id)

    with ThreadPoolExecutor(2) as pool:
        for _ in range(40):
            claim = db.write(runs.claim, new_task().id, machine="m")
            assert claim is not None
            gate = threading.Barrier(2)
            for race in [pool.submit(end, claim, gate), pool.submit(cancel, claim, gate)]:
                race.result()
            assert db.read(tasks.get, claim.task.id).state is TaskState.CANCELLED


def test_a_running_task_does_not_show_why_the_attempt_before_ended(db: Database, claimed: Claim) -> None:
    """The reason is that Attempt's; the Task itself runs well."""
    db.write(runs.finish, claimed.task.id, 1, INTERRUPTED)
    again = db.write(runs.claim, claimed.task.id, machine="m")

    assert again is not None
    assert (again.task.reason, again.task.detail) == (None, "")
    assert db.read(tasks.attempts_of, claimed.task.id)[0].reason is Reason.INTERRUPTED


def test_a_retry_by_hand_measures_its_own_time(db: Database, claimed: Claim) -> None:
    """Days between the first run and a retry are no duration; a requeue by ourselves goes on counting."""
    db.write(runs.finish, claimed.task.id, 1, INTERRUPTED)
    assert db.read(tasks.get, claimed.task.id).started_at == claimed.task.started_at

    db.write(runs.claim, claimed.task.id, machine="m")
    db.write(runs.finish, claimed.task.id, 2, Ending(TaskState.FAILED, AttemptState.FAILED))
    again = db.write(tasks.retry, claimed.task.id)

    assert (again.started_at, again.duration_s(utcnow())) == (None, None)


def test_a_retry_counts_as_use_of_the_conversation(db: Database, claimed: Claim) -> None:
    """Retention must not delete what somebody has just asked for."""
    db.write(runs.finish, claimed.task.id, 1, Ending(TaskState.FAILED, AttemptState.FAILED))
    before = db.read(sessions.get, claimed.task.session_id).updated_at
    db.write(tasks.retry, claimed.task.id)
    assert db.read(sessions.get, claimed.task.session_id).updated_at > before


def test_a_task_that_is_not_finished_is_not_retried(db: Database, claimed: Claim) -> None:
    """The refusal says what it is."""
    with pytest.raises(Conflict, match="The task is running; only a finished one can be retried"):
        db.write(tasks.retry, claimed.task.id)


def test_a_cli_without_a_memory_leaves_anothers_alone(db: Database, claimed: Claim) -> None:
    """A follow-up with another program, or one that is missing, costs the conversation nothing."""
    first = claimed.task
    ending = Ending(
        TaskState.COMPLETED, AttemptState.SUCCEEDED, cli_session_id="abc", cli_cost_usd=Decimal("0.5")
    )
    db.write(runs.finish, first.id, 1, ending)
    other = db.write(tasks.create, NewTask("count", "wc", "wc", 3, session_id=first.session_id))
    db.write(runs.claim, other.id, machine="m")
    db.write(runs.finish, other.id, 1, Ending(TaskState.FAILED, AttemptState.FAILED, Reason.CLI_MISSING))

    third = db.write(tasks.create, NewTask("more", "brain", "claude", 3, session_id=first.session_id))
    claim = db.write(runs.claim, third.id, machine="m")

    assert claim is not None
    assert (claim.cli_session_id, claim.cli_cost_usd) == ("abc", Decimal("0.5"))


def test_what_an_ended_run_could_not_tell_is_booked_to_it(db: Database, claimed: Claim) -> None:
    """The next run learns it from the CLI; the Session's sum is exact and each has its own part."""
    first = claimed.task
    db.write(runs.remember_cli_session, first, "abc")
    db.write(runs.finish, first.id, 1, Ending(TaskState.CANCELLED, AttemptState.CANCELLED))
    second = db.write(tasks.create, NewTask("more", "brain", "claude", 3, session_id=first.session_id))
    db.write(runs.claim, second.id, machine="m")
    ending = Ending(
        TaskState.COMPLETED,
        AttemptState.SUCCEEDED,
        cost_usd=Decimal("0.3"),
        earlier_usd=Decimal("0.2"),
        cli_session_id="abc",
        cli_cost_usd=Decimal("0.5"),
    )
    second = db.write(runs.finish, second.id, 1, ending)

    assert db.read(tasks.get, first.id).cost_usd == Decimal("0.2")
    assert db.read(tasks.attempts_of, first.id)[0].cost_usd == Decimal("0.2")
    assert second.cost_usd == Decimal("0.3")
    assert db.read(sessions.get, first.session_id).cost_usd == Decimal("0.5")
