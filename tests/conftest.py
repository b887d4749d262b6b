"""What all tests share: a clean environment, real servers, and a fresh database each."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chromium import find_chromium
from tests.services import PostgresServer, RedisServer

_OURS = (
    "ERRAND_",
    "DATABASE_URL",
    "REDIS_URL",
    "GITHUB_",
    "GH_",
    "ANTHROPIC_",
    "CLAUDE_",
    "SECRET_KEY",
    "PORT",
    "WEB_CONCURRENCY",
)
_FOR_TESTS = ("ERRAND_CHROMIUM",)

# At import, before anything can have read it: a developer's settings must not reach the tests.
for _name in [name for name in os.environ if name.startswith(_OURS) and name not in _FOR_TESTS]:
    del os.environ[_name]


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A real Redis for the whole run. A test that stops, freezes or empties it uses `own_redis` instead."""
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[RedisServer]:
    """A real Redis for this test alone: stop it, freeze it, lose its data."""
    directory = tmp_path / "own-redis"
    directory.mkdir()
    server = RedisServer(directory)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def redis_url(redis_server: RedisServer) -> str:
    """An empty Redis database for this test alone (channels are shared by all of one server)."""
    return redis_server.new_database()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A real PostgreSQL for the whole run. A test that stops it uses `own_postgres` instead."""
    server = PostgresServer()
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture
def own_postgres() -> Iterator[PostgresServer]:
    """A real, empty PostgreSQL for this test alone: stop it, freeze it."""
    server = PostgresServer()
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture(scope="session")
def postgres_template(postgres_server: PostgresServer) -> str:
    """A migrated database to copy."""
    from app.db import migrate

    name = postgres_server.create()
    migrate.upgrade(postgres_server.url(name))
    return name


@pytest.fixture
def empty_postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """A PostgreSQL database without a schema, for this test alone."""
    name = postgres_server.create()
    yield postgres_server.url(name)
    postgres_server.drop(name)


@pytest.fixture
def postgres_url(postgres_server: PostgresServer, postgres_template: str) -> Iterator[str]:
    """A migrated PostgreSQL database for this test alone."""
    name = postgres_server.create(template=postgres_template)
    yield postgres_server.url(name)
    postgres_server.drop(name)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file to copy."""
    from app.db import migrate

    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    migrate.upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """A migrated SQLite database for this test alone."""
    path = tmp_path / "errand.db"
    for file in sqlite_template.parent.glob("template.db*"):
        shutil.copy(file, path.with_name(file.name.replace("template", "errand")))
    return f"sqlite:///{path}"


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest) -> str:
    """A migrated database for this test alone; the test runs once on each kind."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture(scope="session")
def chromium_path() -> Path:
    """The browser's executable."""
    path = find_chromium()
    if path is None or not path.exists():
        pytest.fail("These tests need Chromium: install it, or name its executable in ERRAND_CHROMIUM.")
    return path
