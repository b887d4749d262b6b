"""The database of a run, and what can be done to it."""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import psycopg2

from tests.services import PostgresServer


class Nothing(Exception):
    """There is nothing to do it to right now."""


class Store(Protocol):
    """A database that can go away and come back."""

    url: str

    def away(self) -> None:
        """Be of no use from now on; connections are cut."""

    def pause(self) -> None:
        """Be there, and not answer."""

    def cut(self) -> None:
        """Lose all connections, once."""

    def read_only(self) -> None:
        """Take no writes."""

    def heal(self) -> None:
        """Be there again, whatever was done before."""

    def remove(self) -> None:
        """Delete it."""


class Postgres:
    """A PostgreSQL of the run's own."""

    def __init__(self) -> None:
        self._server = PostgresServer()
        self._server.start()
        self._name = self._server.create()
        self.url = self._server.url(self._name)
        self._away = False
        self._read_only = False

    def away(self) -> None:
        """Stop it as a crash would."""
        self._server.stop()
        self._away = True

    def pause(self) -> None:
        """Freeze all of its processes."""
        self._server.pause()

    def cut(self) -> None:
        """End every connection but this one."""
        with contextlib.closing(psycopg2.connect(self._server.dsn(), connect_timeout=5)) as connection:
            connection.autocommit = True
            others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
            connection.cursor().execute(f"{others} AND datname = '{self._name}'")

    def read_only(self) -> None:
        """As after a failover to a standby: whoever connects may only read."""
        self._set_read_only("on")
        self.cut()

    def heal(self) -> None:
        """Start it, or let it go on."""
        if self._away:
            self._server.start()
            self._away = False
        self._server.resume()
        if self._read_only:
            self._set_read_only("off")
            self.cut()

    def _set_read_only(self, value: str) -> None:
        self._read_only = value == "on"
        with contextlib.closing(psycopg2.connect(self._server.dsn(), connect_timeout=5)) as connection:
            connection.autocommit = True
            setting = f"ALTER DATABASE {self._name} SET default_transaction_read_only = {value}"
            connection.cursor().execute(setting)

    def remove(self) -> None:
        """Stop it and delete its data."""
        self._server.remove()


class Sqlite:
    """The SQLite file in the data dir; its faults are locks that somebody else holds."""

    def __init__(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self.url = f"sqlite:///{file}"
        self._file = file
        self._lock: sqlite3.Connection | None = None

    def away(self) -> None:
        """Lock out writers, as a backup or a long transaction would."""
        self._hold("BEGIN IMMEDIATE")

    def pause(self) -> None:
        """The same for longer: it has no process to freeze."""
        self._hold("BEGIN IMMEDIATE")

    def cut(self) -> None:
        """Let the WAL be folded into the file under everybody's feet: there are no connections to cut."""
        with contextlib.closing(self._connected()) as connection, _busy_means_nothing():
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def read_only(self) -> None:
        """Nothing of the kind can be done to a file whose owner is root: lock out writers."""
        self._hold("BEGIN IMMEDIATE")

    def heal(self) -> None:
        """Let go."""
        if self._lock is not None:
            self._lock.rollback()
            self._lock.close()
            self._lock = None

    def size(self) -> int:
        """Return the file's bytes, the WAL folded into it."""
        with contextlib.closing(self._connected()) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return self._file.stat().st_size

    def remove(self) -> None:
        """It goes with its folder."""
        self.heal()

    def _hold(self, begin: str) -> None:
        self.heal()
        self._lock = self._connected()
        with _busy_means_nothing():
            self._lock.execute(begin)

    def _connected(self) -> sqlite3.Connection:
        # Not longer: who holds the lock may be a worker that stands still until the driver lets it go on.
        return sqlite3.connect(self._file, timeout=0.5, isolation_level=None)


@contextlib.contextmanager
def _busy_means_nothing() -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        raise Nothing(str(error)) from None
