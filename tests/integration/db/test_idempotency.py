"""An Idempotency-Key makes one Task, however often and however simultaneously it comes."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from app.db import idempotency, tasks
from app.db.engine import Database
from app.db.tasks import NewTask
from app.errors import Conflict

NEW = NewTask("hello", "brain", "claude", 3)


def test_the_same_key_gives_the_same_task(db: Database) -> None:
    """The second answer is the first's, and says that it is not new."""
    task, fresh = db.write(idempotency.once, "k", "f", lambda c: tasks.create(c, NEW))
    again, other = db.write(idempotency.once, "k", "f", lambda c: tasks.create(c, NEW))
    assert (task.id, fresh, other) == (again.id, True, False)


def test_a_key_is_for_one_request(db: Database) -> None:
    """Another body under the same key is refused."""
    db.write(idempotency.once, "k", "f", lambda c: tasks.create(c, NEW))
    with pytest.raises(Conflict) as refusal:
        db.write(idempotency.once, "k", "g", lambda c: tasks.create(c, NEW))
    assert refusal.value.code == "key_reused"


def test_racing_requests_make_one_task(db: Database) -> None:
    """Eight at the same moment, ten times over."""
    with ThreadPoolExecutor(8) as pool:
        for n in range(10):
            gate = threading.Barrier(8)

            def race(key: str = f"race {n}", gate: threading.Barrier = gate) -> str:
                gate.wait()
                return db.write(idempotency.once, key, "f", lambda c: tasks.create(c, NEW))[0].id

            assert len({f.result() for f in [pool.submit(race) for _ in range(8)]}) == 1
    assert len(db.read(tasks.page, limit=200).items) == 10
