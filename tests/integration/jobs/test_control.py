"""Who watches: control, workers while control is away, and nobody twice."""

import os
import signal
from collections.abc import Callable, Iterator

import psutil
import pytest
from sqlalchemy import update

from app.clock import utcnow
from app.db import leases, machines, rows, runs, tasks
from app.db.engine import Database
from app.db.tasks import NewTask
from app.domain.machine import Machine, Role
from app.domain.task import TaskId, TaskState
from app.live.publisher import Publisher
from app.rescuer import Rescuer
from app.settings import Settings
from tasks.observer import Observer
from tests.integration.jobs.plant import Plant
from tests.waiting import pass_by, wait_until

#: Seconds without a sweep of control's after which a worker stands in, in these tests.
ABSENT = 0.6


class Bell:
    """A Bell that nobody hears."""

    def deliver(self, delivery_id: str) -> bool:  # noqa: ARG002 - a Bell's own
        """No Delivery comes here."""
        return False

    def ring(self, task_id: TaskId, *, countdown: float | None = None) -> bool:  # noqa: ARG002 - a Bell's own
        """Say that it rang."""
        return True


@pytest.fixture
def db(sqlite_url: str) -> Iterator[Database]:
    """A database for this test alone."""
    database = Database(sqlite_url)
    yield database
    database.close()


@pytest.fixture
def a_worker_looks(db: Database, redis_url: str) -> Iterator[Callable[[], bool]]:
    """A worker's observer: have it look once, and tell whether it acted."""
    publisher = Publisher(redis_url)
    settings = Settings().model_copy(update={"redis_url": redis_url, "lease_seconds": 0.1})
    rescuer = Rescuer(db, Bell(), publisher, settings)
    rescuer.behind = 60  # it acts only where it is on duty
    observer = Observer(rescuer, db, Role.WORKER, absent_after=ABSENT)

    def look() -> bool:
        task = db.write(tasks.create, NewTask("x", agent="brain", cli="claude", max_attempts=9))
        db.write(runs.claim, task.id, machine="gone")
        for _ in range(2):
            rescuer.sweep(on_duty=observer._on_duty)
            pass_by(0.15)
        rescuer.sweep(on_duty=observer._on_duty)
        return db.read(tasks.get, task.id).state is TaskState.QUEUED

    yield look
    publisher.close()


def control(*, sweeps: int) -> Machine:
    """Return what a control process reports."""
    now = utcnow()
    return Machine(
        id="control",
        name="control",
        role=Role.CONTROL,
        capacity=0,
        started_at=now,
        seen_at=now,
        sweeps=sweeps,
    )


def test_a_worker_leaves_it_to_control_while_that_sweeps(
    db: Database, a_worker_looks: Callable[[], bool]
) -> None:
    """Whatever the clocks of the two hosts say."""
    for sweeps in range(3):
        db.write(machines.report, control(sweeps=sweeps))
        assert not a_worker_looks()


def test_a_worker_stands_in_for_a_control_that_only_has_a_heartbeat(
    db: Database, a_worker_looks: Callable[[], bool]
) -> None:
    """Reports that tell of no sweep are no work; a sweep ends the standing in."""
    looks = []
    for _ in range(4):
        db.write(machines.report, control(sweeps=7))
        looks.append(a_worker_looks())
    assert looks[-1]

    db.write(machines.report, control(sweeps=8))
    assert not a_worker_looks()


def test_without_any_control_a_worker_acts(a_worker_looks: Callable[[], bool]) -> None:
    """At once: there is nobody to wait for."""
    assert a_worker_looks()


def test_a_worker_takes_what_control_leaves(db: Database, redis_url: str) -> None:
    """Control that was killed a moment ago looks alive: its Leases wait two of its sweeps, no longer."""
    publisher = Publisher(redis_url)
    settings = Settings().model_copy(update={"redis_url": redis_url, "lease_seconds": 0.4})
    rescuer = Rescuer(db, Bell(), publisher, settings)
    task = db.write(tasks.create, NewTask("x", agent="brain", cli="claude", max_attempts=9))
    db.write(runs.claim, task.id, machine="gone")

    def state_after(seconds: float) -> TaskState:
        pass_by(seconds)
        rescuer.sweep(on_duty=lambda: False)
        return db.read(tasks.get, task.id).state

    assert [state_after(seconds) for seconds in (0, 0.5, 0.2)] == [
        TaskState.RUNNING,
        TaskState.RUNNING,
        TaskState.QUEUED,
    ]
    publisher.close()


def test_a_killed_control_leaves_no_beat_behind(plant: Plant) -> None:
    """Two beats on one schedule file would each send what is due."""
    node = plant.control("killed")
    main = psutil.Process(node.container._container.process.pid)
    wait_until(main.children, 10, message="beat is there")
    beats = main.children()

    main.kill()
    main.wait(5)

    wait_until(lambda: not any(beat.is_running() for beat in beats), 15, message="beat is gone")


def test_a_worker_watches_before_redis_is_there(plant: Plant) -> None:
    """Started while Redis is away it reports, ends orphans and watches; asked to stop it goes in order."""
    log = plant.folder / "early.log"
    options = ("-A", "tasks.celery", "worker", "-Q", "runs", "-n", "early@%h", "-P", "threads")
    with plant.redis.away():
        handle = plant.start("early", *options, "--without-gossip", "--without-mingle")

        wait_until(lambda: "machine_ready" in log.read_text(), 20, message="it is ready")
        wait_until(lambda: "early@" in str(plant.db.read(machines.alive, role=Role.WORKER)), 10)
        os.kill(handle.process.pid, signal.SIGTERM)

        assert handle.process.wait(15) == 0
    assert "machine_stopped" in log.read_text()
    assert "Traceback" not in log.read_text()


def test_one_row_that_somebody_holds_does_not_hold_up_the_others(postgres_url: str, redis_url: str) -> None:
    """A client that froze in the middle of a write: the other expired Leases are taken all the same."""
    db = Database(postgres_url)
    publisher = Publisher(redis_url)
    settings = Settings().model_copy(update={"redis_url": redis_url, "lease_seconds": 8})
    rescuer = Rescuer(db, Bell(), publisher, settings)
    asked = [db.write(tasks.create, NewTask(f"{n}", "brain", "claude", 3)) for n in range(3)]
    for task in asked:
        db.write(runs.claim, task.id, machine="gone")

    with db.engine.connect() as stuck, stuck.begin():
        stuck.execute(update(rows.tasks).where(rows.tasks.c.id == asked[1].id).values(detail="half"))
        # Eight seconds on the observer's clock, without waiting for them.
        rescuer._watch.lease_seconds = 0.05
        rescuer.sweep(on_duty=lambda: False)
        pass_by(0.1)
        rescuer.sweep()

        queued = [db.read(tasks.get, task.id).state is TaskState.QUEUED for task in asked]
    assert queued == [True, False, True]
    assert [row[0] for row in db.read(leases.running)] == [asked[1].id]
    publisher.close()
    db.close()
