"""The database and Redis."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from shlex import quote
from urllib.parse import urlsplit

import redis

from app.cli.doctor.finding import Finding, note, right, wrong
from app.db import machines, migrate
from app.db.engine import Database
from app.domain.machine import Machine
from app.errors import SchemaMismatch, Unavailable
from app.settings import OPEN_REDIS, Settings

_TIMEOUT = 2.0


def database(settings: Settings) -> Iterator[Finding]:
    """Whether it can be reached, and its schema is this version's."""
    where = _place(settings.database_url)
    if not _there(settings):
        yield wrong("database", f"There is no database at {where} yet.", "bin/up")
        return
    try:
        with closing(Database(settings.database_url)) as db:
            db.read(migrate.check)
    except SchemaMismatch as error:
        newer = "newer" in error.message
        yield wrong("database", error.message, "git pull" if newer else "python -m app.db.migrate")
    except Unavailable as error:
        yield wrong("database", f"{where}: {error.message}", _look(settings))
    else:
        yield right("database", f"{where} answers and its schema is up to date.")


def reporting(settings: Settings) -> list[Machine] | None:
    """Return the Machines that report themselves now; None where the database can't tell."""
    if not _there(settings):
        return None
    try:
        with closing(Database(settings.database_url)) as db:
            db.read(migrate.check)
            return db.read(machines.alive)
    except (SchemaMismatch, Unavailable):
        return None


def broker(settings: Settings, degraded: list[str] | None) -> Iterator[Finding]:
    """Whether Redis answers; the embedded one is known to its bin/up only, so the server is asked for it."""
    if "redis_url" not in settings.model_fields_set:
        if degraded is None:
            yield note("redis", "REDIS_URL is not set, so bin/up starts one of its own.")
        elif "redis" in degraded:
            yield wrong("redis", "The server can't reach its Redis.", "bin/up")
        else:
            yield right("redis", "The server reaches its Redis.")
        return
    where = _place(settings.redis_url)
    try:
        with redis.Redis.from_url(
            settings.redis_url, socket_connect_timeout=_TIMEOUT, socket_timeout=_TIMEOUT
        ) as connection:
            connection.ping()
    except (redis.RedisError, ValueError, OSError) as error:
        yield wrong("redis", f"{where} does not answer ({error}).", "unset REDIS_URL && bin/up")
    else:
        yield right("redis", f"{where} answers.")
    if settings.open_redis:
        yield note("redis", OPEN_REDIS, "export REDIS_URL=redis://:PASSWORD@HOST:6379/0")


def _there(settings: Settings) -> bool:
    # Connecting to SQLite makes the file, and a doctor makes nothing.
    path = _file(settings.database_url)
    return path is None or path.exists()


def _file(url: str) -> Path | None:
    return Path(url.removeprefix("sqlite:///").partition("?")[0]) if url.startswith("sqlite:///") else None


def _place(url: str) -> str:
    """Return where it is, without the password."""
    file = _file(url)
    if file is not None:
        return str(file)
    parts = urlsplit(url)
    return f"{parts.scheme.partition('+')[0]} at {parts.hostname}:{parts.port or 'its port'}"


def _look(settings: Settings) -> str:
    file = _file(settings.database_url)
    if file is not None:
        return f"ls -l {quote(str(file))}"
    parts = urlsplit(settings.database_url)
    return f"pg_isready -h {quote(parts.hostname or '')} -p {parts.port or 5432}"
