"""The life of a Task's row: order, claims, fences, ends."""

import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from app.clock import utcnow
from app.db import doorbells, events, leases, runs, sessions, tasks
from app.db.engine import Database
from app.db.runs import Claim, Ending
from app.db.tasks import NewTask
from app.domain.event import Notice, Text
from app.domain.reason import Reason
from app.domain.task import AttemptState, Hold, SessionId, Task, TaskId, TaskState, Tokens
from app.errors import Conflict, LeaseLost, NotFound

Make = Callable[..., Task]

SUCCESS = Ending(TaskState.COMPLETED, AttemptState.SUCCEEDED, result="ok", cost_usd=Decimal("0.1"))


def unrung(db: Database, now: datetime, rung_before: datetime) -> list[TaskId]:
    """Return whom an observer would ring for."""
    return [task_id for task_id, _ in db.read(doorbells.unrung, now=now, rung_before=rung_before, limit=9)]


def test_a_session_runs_its_tasks_in_order_one_at_a_time(db: Database, new_task: Make) -> None:
    """The second waits with a reason until the first is done."""
    first = new_task()
    second = new_task(first.session_id)

    assert second.position == 2
    assert second.hold is Hold.SESSION_BUSY
    assert db.write(runs.claim, second.id, machine="m") is None
    assert db.write(runs.claim, first.id, machine="m") is not None
    assert db.write(runs.claim, second.id, machine="m") is None
    db.write(runs.finish, first.id, 1, SUCCESS)
    assert db.read(tasks.next_in_session, first.session_id) == second.id
    assert db.read(tasks.get, second.id).hold is None
    assert db.write(runs.claim, second.id, machine="m") is not None


def test_an_unknown_session_or_task_is_not_found(db: Database, new_task: Make) -> None:
    """Nothing is made up."""
    with pytest.raises(NotFound):
        new_task(SessionId("nowhere"))
    with pytest.raises(NotFound):
        db.read(tasks.get, TaskId("nothing"))


def test_many_claims_of_one_task_give_one(db: Database, new_task: Make) -> None:
    """However many workers are told at once, one runs it; thirty times over."""
    with ThreadPoolExecutor(8) as pool:
        for _ in range(30):
            task_id = new_task().id
            gate = threading.Barrier(8)

            def race(task_id: TaskId = task_id, gate: threading.Barrier = gate) -> Claim | None:
                gate.wait()
                return db.write(runs.claim, task_id, machine="m")

            claims = [future.result() for future in [pool.submit(race) for _ in range(8)]]
            assert sum(claim is not None for claim in claims) == 1


def test_a_retry_and_a_follow_up_never_run_side_by_side(db: Database, new_task: Make) -> None:
    """Two due Tasks of one Session claimed at the same moment: one wins, and the order stays."""
    with ThreadPoolExecutor(2) as pool:
        for _ in range(25):
            first = new_task()
            db.write(runs.claim, first.id, machine="m")
            db.write(runs.finish, first.id, 1, SUCCESS)
            second = new_task(first.session_id)
            gate = threading.Barrier(2)

            def again(first: Task = first, gate: threading.Barrier = gate) -> Claim | None:
                gate.wait()
                db.write(tasks.retry, first.id)
                return db.write(runs.claim, first.id, machine="m")

            def follow(second: Task = second, gate: threading.Barrier = gate) -> Claim | None:
                gate.wait()
                return db.write(runs.claim, second.id, machine="m")

            results = [future.result() for future in (pool.submit(again), pool.submit(follow))]
            mine = db.read(tasks.of_session, first.session_id).items
            running = [t for t in mine if t.state is TaskState.RUNNING]
            assert len(running) == 1
            assert sum(claim is not None for claim in results) == 1


def test_a_claim_makes_a_numbered_attempt(db: Database, claimed: Claim) -> None:
    """The Attempt is in the ledger and the status is the first Event."""
    (attempt,) = db.read(tasks.attempts_of, claimed.task.id)
    assert (attempt.number, attempt.state, attempt.machine) == (1, AttemptState.RUNNING, "here")
    (event,) = db.read(events.read, claimed.task.id)
    assert (event["seq"], event["kind"], event["state"]) == (1, "status", "running")


def test_a_finished_attempt_tells_everything(db: Database, claimed: Claim) -> None:
    """State, cost, tokens and the Session's memory are stored together; asking again changes nothing."""
    task = claimed.task
    ending = Ending(
        TaskState.COMPLETED,
        AttemptState.SUCCEEDED,
        result="done",
        cost_usd=Decimal("0.1234567"),
        tokens=Tokens(input=5, output=7),
        exit_code=0,
        cli_session_id="abc",
        cli_cost_usd=Decimal("0.1234567"),
    )
    finished = db.write(runs.finish, task.id, 1, ending)
    assert db.write(runs.finish, task.id, 1, ending) == finished

    assert (finished.state, finished.result, finished.cost_usd) == (
        TaskState.COMPLETED,
        "done",
        Decimal("0.1234567"),
    )
    assert finished.tokens == Tokens(input=5, output=7)
    assert finished.last_seq == 2
    session = db.read(sessions.get, task.session_id)
    assert (session.cost_usd, session.cli_session_id) == (Decimal("0.1234567"), "abc")
    following = db.write(tasks.create, NewTask("more", "brain", "claude", 3, session_id=task.session_id))
    claim = db.write(runs.claim, following.id, machine="m")
    assert claim is not None
    assert (claim.cli_session_id, claim.cli_cost_usd) == ("abc", Decimal("0.1234567"))


def test_another_cli_does_not_resume_what_is_not_its_own(db: Database, claimed: Claim) -> None:
    """A Session's memory belongs to the CLI that made it."""
    task = claimed.task
    db.write(runs.remember_cli_session, task, "abc")
    db.write(
        runs.finish, task.id, 1, Ending(TaskState.COMPLETED, AttemptState.SUCCEEDED, cli_session_id="abc")
    )
    other = db.write(tasks.create, NewTask("more", "demo", "demo", 3, session_id=task.session_id))
    claim = db.write(runs.claim, other.id, machine="m")
    assert claim is not None
    assert claim.cli_session_id is None


def test_a_stale_attempt_can_write_nothing(db: Database, claimed: Claim) -> None:
    """After a rescue the old Attempt's chunks, renewals and end are refused."""
    task = claimed.task
    (row,) = db.read(leases.running)
    rescued = db.write(leases.rescue, task.id, attempt=1, counter=row[2])
    assert rescued is not None
    assert rescued.state is TaskState.QUEUED
    assert db.write(leases.rescue, task.id, attempt=1, counter=row[2]) is None
    again = db.write(runs.claim, task.id, machine="there")
    assert again is not None
    assert again.attempt == 2

    stale = events.number([Text(text="late")], after=again.task.last_seq, attempt=1, at=utcnow())
    batch = events.Batch(task.id, 1, again.task.last_seq, again.task.last_seq + 1, events.encode(stale))
    with pytest.raises(LeaseLost):
        db.write(events.append, batch)
    with pytest.raises(LeaseLost):
        db.write(runs.finish, task.id, 1, SUCCESS)
    assert [db.write(runs.renew, task.id, number) for number in (1, 2)] == [None, False]
    states = [attempt.state for attempt in db.read(tasks.attempts_of, task.id)]
    assert states == [AttemptState.LOST, AttemptState.RUNNING]


def test_a_task_that_kills_its_workers_ends(db: Database, new_task: Make) -> None:
    """After max_attempts lost runs it is failed as worker_lost."""
    task = new_task(max_attempts=2)
    for attempt in (1, 2):
        assert db.write(runs.claim, task.id, machine="m") is not None
        (row,) = db.read(leases.running)
        db.write(leases.rescue, task.id, attempt=attempt, counter=row[2])
    task = db.read(tasks.get, task.id)
    assert (task.state, task.reason, task.failures) == (TaskState.FAILED, Reason.WORKER_LOST, 2)
    assert db.write(runs.claim, task.id, machine="m") is None


def test_cancel_is_idempotent_and_final(db: Database, new_task: Make, claimed: Claim) -> None:
    """Queued: at once. Running: asked. Cancelled: as it is. Finished: refused with the reason."""
    queued = new_task()
    assert db.write(tasks.cancel, queued.id).state is TaskState.CANCELLED
    assert db.write(tasks.cancel, queued.id).last_seq == 1
    assert db.write(runs.claim, queued.id, machine="m") is None

    assert db.write(tasks.cancel, claimed.task.id).state is TaskState.RUNNING
    assert db.write(runs.renew, claimed.task.id, 1) is True
    assert db.read(runs.cancel_asked, [claimed.task.id, queued.id]) == {claimed.task.id}
    db.write(runs.finish, claimed.task.id, 1, SUCCESS)
    with pytest.raises(Conflict, match="completed already") as refusal:
        db.write(tasks.cancel, claimed.task.id)
    assert refusal.value.code == "already_finished"


def test_a_cancelled_task_that_was_lost_is_not_run_again(db: Database, claimed: Claim) -> None:
    """The person's wish outlives the worker."""
    db.write(tasks.cancel, claimed.task.id)
    (row,) = db.read(leases.running)
    task = db.write(leases.rescue, claimed.task.id, attempt=1, counter=row[2])
    assert task is not None
    assert task.state is TaskState.CANCELLED


def test_retry_keeps_the_old_output(db: Database, claimed: Claim) -> None:
    """A finished Task goes back to the queue under the same id; a live one is refused."""
    with pytest.raises(Conflict, match="only a finished one"):
        db.write(tasks.retry, claimed.task.id)
    db.write(runs.finish, claimed.task.id, 1, SUCCESS)
    again = db.write(tasks.retry, claimed.task.id)
    assert (again.state, again.result, again.last_seq) == (TaskState.QUEUED, None, 3)
    claim = db.write(runs.claim, again.id, machine="m")
    assert claim is not None
    assert claim.attempt == 2


def test_not_before_holds_a_task_back(db: Database, claimed: Claim) -> None:
    """A Task that waits for its backoff is neither claimed nor rung for."""
    now = utcnow()
    waiting = Ending(
        TaskState.QUEUED, AttemptState.FAILED, Reason.OVERLOADED, not_before=now + timedelta(hours=1)
    )
    task = db.write(runs.finish, claimed.task.id, 1, waiting)
    assert (task.state, task.failures, task.finished_at) == (TaskState.QUEUED, 1, None)
    assert db.write(runs.claim, task.id, machine="m") is None
    assert unrung(db, now, now) == []
    later = now + timedelta(hours=2)
    assert unrung(db, later, now) == [task.id]


def test_an_interrupted_attempt_does_not_count(db: Database, claimed: Claim) -> None:
    """A deploy takes no try away."""
    task = db.write(runs.finish, claimed.task.id, 1, Ending(TaskState.QUEUED, AttemptState.INTERRUPTED))
    assert task.failures == 0
    assert db.write(runs.claim, task.id, machine="m") is not None


def test_only_tasks_nobody_was_told_of_are_rung(db: Database, new_task: Make) -> None:
    """Oldest first, each once, session order respected."""
    first, other = new_task(), new_task()
    new_task(first.session_id)
    now = utcnow()
    assert unrung(db, now, now) == [first.id, other.id]
    db.write(doorbells.mark_rung, [first.id], now)
    assert unrung(db, now, now) == [other.id]
    db.write(doorbells.unmark, first.id)
    assert unrung(db, now, now) == [first.id, other.id]


def test_pages_follow_each_other_without_hole_or_double(db: Database, new_task: Make) -> None:
    """Keyset pages, newest first, give every Task once, also while new ones come."""
    made = [new_task().id for _ in range(23)]
    seen: list[str] = []
    before = None
    more = True
    while more:
        page = db.read(tasks.page, limit=5, before=before)
        seen += [task.id for task in page.items]
        before, more = (page.items[-1].created_at, page.items[-1].id), page.more
        new_task()
    assert seen == made[::-1]
    assert db.read(tasks.page, session_id="none").items == []
    assert len(db.read(tasks.page, state=TaskState.QUEUED, limit=200).items) == 28


def test_a_page_of_large_tasks_is_short(db: Database, new_task: Make) -> None:
    """Prompts of a megabyte: pages end after their bytes, together they are whole."""
    first = new_task(message="x" * 900_000)
    made = [first.id, *(new_task(first.session_id, message="x" * 900_000).id for _ in range(11))]
    seen: list[TaskId] = []
    before, more = None, True
    while more:
        page = db.read(tasks.page, limit=200, before=before)
        assert sum(len(task.message) for task in page.items) < tasks.PAGE_BYTES + 1_000_000
        seen += [task.id for task in page.items]
        before, more = (page.items[-1].created_at, page.items[-1].id), page.more
    assert seen == made[::-1]

    shown = db.read(tasks.of_session, first.session_id)
    assert shown.more
    assert [task.id for task in shown.items] == made[-len(shown.items) :]


def test_notices_are_the_first_events(db: Database) -> None:
    """What is to be said before anything runs is there at once."""
    new = NewTask("hi", "brain", "claude", 3, notices=(Notice(code="agent_fallback", text="took brain"),))
    task = db.write(tasks.create, new)
    (event,) = db.read(events.read, task.id)
    assert (event["seq"], event["attempt"], event["code"]) == (1, 0, "agent_fallback")


def test_fifty_sessions_of_four_under_eight_workers(db: Database, new_task: Make) -> None:
    """Order per Session holds and no database is locked, whoever claims what when."""
    ids: dict[str, list[TaskId]] = {}
    for _ in range(50):
        first = new_task()
        ids[first.session_id] = [first.id, *(new_task(first.session_id).id for _ in range(3))]
    pending = [task_id for tasks_ in ids.values() for task_id in tasks_]
    done: list[str] = []
    lock = threading.Lock()

    def work(seed: int) -> None:
        dice = random.Random(seed)
        while len(done) < len(pending):
            task_id = dice.choice(pending)
            claim = db.write(runs.claim, task_id, machine=str(seed))
            if claim is not None:
                with lock:
                    done.append(task_id)
                db.write(runs.finish, task_id, claim.attempt, SUCCESS)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    for expected in ids.values():
        assert [task_id for task_id in done if task_id in expected] == expected
    assert db.read(tasks.counts)[TaskState.COMPLETED] == 200
