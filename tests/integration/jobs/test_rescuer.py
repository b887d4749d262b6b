"""The observer: whom it takes a Task from, and whom it leaves it to."""

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from sqlalchemy import update

from app.db import leases, rows, runs, tasks
from app.db.engine import Database
from app.db.tasks import NewTask
from app.domain.task import Task, TaskId, TaskState
from app.errors import Unavailable
from app.live.publisher import Publisher
from app.rescuer import Rescuer
from app.runner.held import LeaseKeeper
from app.settings import Settings
from tests.waiting import pass_by, wait_until

LEASE = 1.0


class Silent:
    """A Bell that nobody hears."""

    def deliver(self, delivery_id: str) -> bool:  # noqa: ARG002 - a Bell's own
        """No Delivery comes here."""
        return False

    def ring(self, task_id: TaskId, *, countdown: float | None = None) -> bool:  # noqa: ARG002 - a Bell's own
        """Say that it rang."""
        return True


@pytest.fixture
def db(sqlite_url: str) -> Iterator[Database]:
    """A database whose one lock a test can hold."""
    database = Database(sqlite_url)
    yield database
    database.close()


@pytest.fixture
def rescuer(db: Database, redis_url: str) -> Iterator[Rescuer]:
    """An observer of Leases of one second."""
    publisher = Publisher(redis_url)
    settings = Settings().model_copy(update={"redis_url": redis_url, "lease_seconds": LEASE})
    yield Rescuer(db, Silent(), publisher, settings)
    publisher.close()


def claimed(db: Database) -> Task:
    """Return a Task that runs somewhere and is not renewed."""
    task = db.write(tasks.create, NewTask("x", agent="brain", cli="claude", max_attempts=3))
    claim = db.write(runs.claim, task.id, machine="there")
    assert claim is not None
    return claim.task


def taken_and_claimed_again(db: Database, task_id: TaskId) -> int:
    """Have an observer take the Task, and claim it anew; return the Attempt's number."""
    [(_, attempt, counter)] = db.read(leases.running)
    assert db.write(leases.rescue, task_id, attempt=attempt, counter=counter) is not None
    again = db.write(runs.claim, task_id, machine="there")
    assert again is not None
    return again.attempt


def test_a_lease_that_ran_out_is_taken(db: Database, rescuer: Rescuer) -> None:
    """Two looks, more than a Lease apart, at one counter."""
    task = claimed(db)
    rescuer.sweep()

    pass_by(LEASE * 1.1)
    rescuer.sweep()

    assert db.read(tasks.get, task.id).state is TaskState.QUEUED


def test_after_a_lock_everybody_has_a_lease_again(db: Database, rescuer: Rescuer) -> None:
    """Who held the Task could not renew it either: its renewal waits behind the same lock."""
    task = claimed(db)
    rescuer.sweep()
    locker = sqlite3.connect(db.url.removeprefix("sqlite:///"), isolation_level=None, check_same_thread=False)
    locker.execute("BEGIN IMMEDIATE")
    pass_by(LEASE * 1.1)
    threading.Timer(LEASE / 2, locker.rollback).start()

    with pytest.raises(Unavailable):
        rescuer.sweep()
    locker.close()
    rescuer.sweep()

    assert db.read(tasks.get, task.id).state is TaskState.RUNNING


def test_a_lost_attempt_does_not_live_on_the_renewals_of_the_next(db: Database) -> None:
    """One worker may hold two Attempts of one Task for a moment; each has its own Lease, and its own end."""
    keeper = LeaseKeeper(db, lease_seconds=LEASE, beat=lambda _: None)
    first = claimed(db)
    asked = time.monotonic()

    with keeper.hold(first.id, 1, asked=asked) as old:
        taken = taken_and_claimed_again(db, first.id)
        with keeper.hold(first.id, taken, asked=time.monotonic()) as new:
            keeper.start()
            wait_until(lambda: old.stop is not None, 15, message="the old one is lost")
            assert new.stop is None
            assert keeper.running == 2
    assert keeper.running == 0
    keeper.close()


def test_a_row_that_somebody_holds_costs_no_other_lease(postgres_url: str) -> None:
    """The keeper renews the rest, again and again, and that one too once it is free."""
    db = Database(postgres_url)
    held = sorted(claimed(db).id for _ in range(3))
    keeper = LeaseKeeper(db, lease_seconds=3, beat=lambda _: None)

    def renewals(task_id: TaskId) -> int:
        return db.read(tasks.attempts_of, task_id)[0].renewals

    with ExitStack() as stack:
        for task_id in held:
            stack.enter_context(keeper.hold(task_id, 1, asked=time.monotonic()))
        with db.engine.connect() as stuck, stuck.begin():
            stuck.execute(update(rows.tasks).where(rows.tasks.c.id == held[0]).values(detail="half"))
            keeper.start()
            wait_until(lambda: min(map(renewals, held[1:])) >= 2, 15, message="the others are renewed")
            assert renewals(held[0]) == 0
        wait_until(lambda: renewals(held[0]) > 0, 10, message="it is renewed as well")
    keeper.close()
    db.close()
