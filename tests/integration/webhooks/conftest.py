"""Databases of each kind, a receiver, and what sends callbacks to it."""

from collections.abc import Iterator

import pytest
from cryptography.fernet import Fernet

from app.db import runs, tasks, webhooks
from app.db.engine import Database
from app.db.runs import Ending
from app.db.tasks import NewTask
from app.db.webhooks import Received
from app.domain.task import AttemptState, Task, TaskState
from app.domain.webhook import WebhookSettings
from app.security.crypto import Vault
from app.webhooks.callbacks import Callbacks
from app.webhooks.hooks import Hooks
from tests.fakes.receiver import Receiver

#: A key that is the same in the process that a test kills.
KEY = Fernet.generate_key().decode()


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    """A migrated database of each kind."""
    database = Database(database_url)
    yield database
    database.close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Takes everything, until it is told otherwise."""
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture
def hooks(db: Database) -> Hooks:
    """What knows the secrets."""
    return Hooks(db, Vault([KEY]), learn=lambda _: None)


@pytest.fixture
def callbacks(db: Database, hooks: Hooks, receiver: Receiver) -> Callbacks:
    """What sends, to the receiver and to nobody else on this machine."""

    def clean(text: str) -> str:
        return text.replace("a-planted-secret", "***")

    allowed = frozenset({receiver.host})
    return Callbacks(db, hooks, clean=clean, allowed=allowed, public_url="https://errand.example/")


@pytest.fixture
def secret(db: Database, hooks: Hooks, receiver: Receiver) -> str:
    """The secret that callbacks of the webhook `alerts` are signed with."""
    settings = WebhookSettings(template="Look.", callback_url=receiver.url)
    _, _, secret = db.write(hooks.create, "alerts", settings)
    return secret


class Life:
    """Tasks of the webhook `alerts`: how they come, and how they end."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def delivered(self, key: str = "k") -> Task:
        """Deliver once; return the Task."""
        received = Received("alerts", key.ljust(64, "0"), said=True, content_type="text/plain", body=b"x")
        new = NewTask("Look.", "brain", "claude", 3, from_outside=True)
        task_id, _ = self._db.write(webhooks.take, received, lambda c: tasks.create(c, new))
        assert task_id is not None
        return self._db.read(tasks.get, task_id)

    def end(self, task: Task, result: str = "It was the log.") -> Task:
        """Have it run and end well."""
        claim = self._db.write(runs.claim, task.id, machine="here")
        assert claim is not None
        ending = Ending(TaskState.COMPLETED, AttemptState.SUCCEEDED, result=result)
        return self._db.write(runs.finish, task.id, claim.attempt, ending)


@pytest.fixture
def life(db: Database, secret: str) -> Life:
    """What comes to the webhook that there is."""
    assert secret
    return Life(db)
