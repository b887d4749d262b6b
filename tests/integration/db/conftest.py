"""A Database of each kind, and Tasks in it."""

from collections.abc import Callable, Iterator

import pytest

from app.db import runs, tasks
from app.db.engine import Database
from app.db.runs import Claim
from app.db.tasks import NewTask
from app.domain.task import SessionId, Task


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    """Give a migrated database of each kind."""
    database = Database(database_url)
    yield database
    database.close()


@pytest.fixture
def new_task(db: Database) -> Callable[..., Task]:
    """Give a function that queues a Task."""

    def make(session_id: SessionId | None = None, message: str = "hello", max_attempts: int = 3) -> Task:
        new = NewTask(message, "brain", "claude", max_attempts, session_id=session_id)
        return db.write(tasks.create, new)

    return make


@pytest.fixture
def claimed(db: Database, new_task: Callable[..., Task]) -> Claim:
    """Give a Task whose first Attempt runs."""
    claim = db.write(runs.claim, new_task().id, machine="here")
    assert claim is not None
    return claim
