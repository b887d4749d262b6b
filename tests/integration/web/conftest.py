"""A real app over real databases and a real Redis, and clients that are signed in or not."""

import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.db.engine import Database
from app.dispatch import Bell
from app.domain.task import Task
from app.live.hub import Hub
from app.settings import Settings
from app.web import create_app
from app.web.queue import web_bell

TOKEN = "an-admin-token-for-tests"
BEARER = {"Authorization": f"Bearer {TOKEN}"}


class Echoes:
    """A Publisher that remembers what it was told; the real one is tried in tests/integration/live."""

    def __init__(self) -> None:
        self.tasks: list[Task] = []

    def publish_task(self, task: Task) -> None:
        """Remember the Task."""
        self.tasks.append(task)


AppMaker = Callable[..., Flask]


@pytest.fixture
def settings_for(tmp_path: Path) -> Callable[..., Settings]:
    """Make Settings without reading the environment's file."""

    def make(**given: Any) -> Settings:
        agents = tmp_path / "agents"
        for name in ("brain", "demo"):
            (agents / name).mkdir(parents=True, exist_ok=True)
            (agents / name / "agent.toml").write_text(f'cli = "{name}-cli"\ndescription = "The {name}."\n')
            (agents / name / "CLAUDE.md").write_text("Work.\n")
        values: dict[str, Any] = {
            "admin_token_given": TOKEN,
            "secret_key_given": "a-secret-key-for-tests",
            "data_dir": tmp_path / "data",
            "agents_dir": agents,
        }
        return Settings(_env_file=None, **{**values, **given})

    return make


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A migrated database, once of each kind."""
    db = Database(database_url)
    yield db
    db.close()


@pytest.fixture
def echoes() -> Echoes:
    """What was published."""
    return Echoes()


@pytest.fixture
def make_app(settings_for: Callable[..., Settings], echoes: Echoes) -> Iterator[AppMaker]:
    """Make an app over a database; its Redis is `redis_url`."""
    made: list[Flask] = []

    def make(db: Database, redis_url: str, *, bell: Bell | None = None, **given: Any) -> Flask:
        settings = settings_for(redis_url=redis_url, **given)
        app = create_app(settings, db, bell or web_bell(redis_url), Hub(db, redis_url), echoes)
        made.append(app)
        return app

    yield make
    for app in made:
        app.extensions["errand.services"].queue.close()
        app.extensions["errand.rates"].close()


@pytest.fixture
def app(make_app: AppMaker, database: Database, redis_url: str) -> Flask:
    """The app, once over each kind of database."""
    return make_app(database, redis_url)


@pytest.fixture
def sqlite(sqlite_url: str) -> Iterator[Database]:
    """A migrated SQLite, where the kind of database does not matter."""
    db = Database(sqlite_url)
    yield db
    db.close()


@pytest.fixture
def sqlite_app(make_app: AppMaker, sqlite: Database, redis_url: str) -> Flask:
    """The app over SQLite."""
    return make_app(sqlite, redis_url)


def signed_in(app: Flask) -> FlaskClient:
    """Return a client that holds the token."""
    client = app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = BEARER["Authorization"]
    return client


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A signed-in client, once over each kind of database."""
    return signed_in(app)


@pytest.fixture
def sqlite_client(sqlite_app: Flask) -> FlaskClient:
    """A signed-in client over SQLite."""
    return signed_in(sqlite_app)


@pytest.fixture
def hanging_redis() -> Iterator[str]:
    """The URL of a server that accepts every connection and never says a word."""
    server = socket.create_server(("127.0.0.1", 0), backlog=200)
    kept: list[socket.socket] = []

    def accept() -> None:
        while True:
            try:
                kept.append(server.accept()[0])
            except OSError:
                return

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    yield f"redis://127.0.0.1:{server.getsockname()[1]}/0"
    server.shutdown(socket.SHUT_RDWR)
    server.close()
    thread.join(5)
    for connection in kept:
        connection.close()
