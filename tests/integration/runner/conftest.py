"""A Runner in this process, with a real database, real Redis and a scripted CLI."""

import os
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from app.credentials import Safe
from app.db import events, tasks
from app.db.engine import Database
from app.db.tasks import NewTask
from app.domain.event import Record
from app.domain.task import SessionId, Task, TaskId, TaskState
from app.live.publisher import Publisher
from app.runner.cage import Cage
from app.runner.clis import Clis
from app.runner.environment import secrets_in
from app.runner.execute import Finished, Runner
from app.runner.held import LeaseKeeper
from app.runner.keyring import Keyring
from app.security.crypto import Vault
from app.security.redact import Known
from app.security.tokens import mark
from app.settings import Settings
from tests.fakes.scripted_cli import ScriptedCli

AGENT = 'cli = "claude"\nenv = ["PASSED"]\n'


class Bench:
    """One worker's Runner and all it needs; tests may have several on one database."""

    def __init__(self, db: Database, redis_url: str, data: Path, cli: ScriptedCli, **settings: Any) -> None:
        self.db = db
        self.cli = cli
        self.grace = 60.0
        self.passed: dict[str, str] = {}
        self.agents = data / "agents"
        self.agent("brain", AGENT)
        known = {"data_dir": data, "agents_dir": self.agents, "lease_seconds": 30, **settings}
        self.settings = Settings().model_copy(update=known)
        self.keeper = LeaseKeeper(
            db,
            lease_seconds=self.settings.lease_seconds,
            beat=lambda _: None,
            grace=lambda: self.grace,
        )
        self.publisher = Publisher(redis_url)
        self.runner = self._runner()
        self.keeper.start()
        self.pool = ThreadPoolExecutor(16)

    def limit(self, **settings: Any) -> None:
        """Go on under these settings."""
        self.settings = self.settings.model_copy(update=settings)
        self.runner = self._runner()

    def _runner(self) -> Runner:
        self.known = Known([*self.settings.secrets(), *secrets_in({"PASSED": "yes", **self.passed})])
        self.safe = Safe(self.db, Vault(self.settings.fernet_keys()), learn=self.known.learn)
        path = f"{self.cli.directory}:{os.environ['PATH']}"
        environ = {"PATH": path, "PASSED": "yes", "DATABASE_URL": "secret", **self.passed}
        return Runner(
            self.settings,
            db=self.db,
            publisher=self.publisher,
            keeper=self.keeper,
            clis=Clis(environ),
            cage=Cage(self.settings, environ),
            machine="bench",
            environ=environ,
            keyring=Keyring(self.db, self.safe, environ, mark=partial(mark, "a-key")),
            known=self.known,
        )

    def agent(self, name: str, toml: str) -> None:
        """Write agents/NAME."""
        folder = self.agents / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "agent.toml").write_text(toml)
        (folder / "CLAUDE.md").write_text(f"You are {name}.\n")

    def queue(self, message: str, session_id: SessionId | None = None, **more: Any) -> Task:
        """Queue a Task for the agent brain, or another."""
        new = {"agent": "brain", "cli": "claude", "max_attempts": 3, **more}
        return self.db.write(tasks.create, NewTask(message, session_id=session_id, **new))

    def start(self, task: Task) -> "Future[Finished | None]":
        """Run the Task in a thread of its own."""
        return self.pool.submit(self.runner.run, task.id)

    def run(self, message: str, session_id: SessionId | None = None, **more: Any) -> Task:
        """Queue a Task, run it, and return it as it stands then."""
        task = self.queue(message, session_id, **more)
        self.start(task).result(timeout=60)
        return self.task(task.id)

    def task(self, task_id: TaskId) -> Task:
        """Return the Task as it stands."""
        return self.db.read(tasks.get, task_id)

    def running(self, task: Task) -> bool:
        """Whether the CLI of the Task has printed something."""
        return self.task(task.id).state is TaskState.RUNNING and self.task(task.id).last_seq > 1

    def events(self, task: Task) -> list[Record]:
        """Return all Events of the Task, page by page."""
        found: list[Record] = []
        while page := self.db.read(events.read, task.id, after=len(found), limit=1000):
            found += page
        return found

    def output(self, task: Task, attempt: int = 1) -> bytes:
        """Return what the CLI printed."""
        return self.db.read(events.read_output, task.id, attempt=attempt, start=0, max_bytes=2**40)

    def close(self) -> None:
        """Stop what runs."""
        self.grace = 0
        self.keeper.interrupt()
        self.pool.shutdown()
        self.keeper.close()


@pytest.fixture
def cli(tmp_path: Path) -> ScriptedCli:
    """A scripted `claude`, first on PATH."""
    return ScriptedCli(tmp_path / "bin")


@pytest.fixture
def bench(sqlite_url: str, redis_url: str, tmp_path: Path, cli: ScriptedCli) -> Iterator[Bench]:
    """A Runner on SQLite."""
    yield from _bench(sqlite_url, redis_url, tmp_path, cli)


@pytest.fixture
def either_bench(database_url: str, redis_url: str, tmp_path: Path, cli: ScriptedCli) -> Iterator[Bench]:
    """A Runner on each kind of database."""
    yield from _bench(database_url, redis_url, tmp_path, cli)


def _bench(url: str, redis_url: str, data: Path, cli: ScriptedCli) -> Iterator[Bench]:
    db = Database(url)
    bench = Bench(db, redis_url, data, cli)
    before = threading.active_count()
    yield bench
    bench.close()
    bench.publisher.close()
    db.close()
    assert threading.active_count() <= before + 1
