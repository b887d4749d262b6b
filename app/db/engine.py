"""The engine, and the two ways to use it: `read` and `write`."""

import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Concatenate, ParamSpec, TypeVar, cast

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from app.db import postgres, sqlite
from app.errors import Locked, Unavailable

#: For those who compose verbs: a Connection is handed on, never used.
__all__ = ["PATIENCE", "PATIENCE_WEB", "Connection", "Database"]

P = ParamSpec("P")
T = TypeVar("T")

#: Seconds a transaction may wait for its turn, and a statement for its answer; a person has less patience.
PATIENCE = 15.0
PATIENCE_WEB = 8.0


class Database:
    """One database; give `read` and `write` a verb that takes a Connection first.

    Both raise Unavailable when the database cannot be used right now. A write that raised it may or
    may not have been committed: verbs that matter are written so that they can be asked again.
    """

    def __init__(
        self, url: str, *, pool_size: int = 10, patience: Callable[[], float] = lambda: PATIENCE
    ) -> None:
        self.url = url
        self.sqlite = url.startswith("sqlite")
        self._patience = patience
        self._offload = _gevent_threadpool() if self.sqlite else None
        self.engine = (
            sqlite.make_engine(url, pooled=self._offload is None)
            if self.sqlite
            else postgres.make_engine(url, pool_size=pool_size, patience=patience)
        )
        self._connected = False
        # SQLite has one writer. Those of one process queue here rather than in SQLite's busy handler, which
        # sleeps and lets latecomers overtake, and where under gevent they would take up all of its threads.
        self._writing = threading.Lock()

    def read(self, verb: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what `verb` reads, all of it from one snapshot."""
        return self._run(lambda c: verb(c, *args, **kwargs))

    def write(self, verb: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Commit what `verb` wrote and return its value; an exception rolls back."""
        began = time.monotonic()
        options = {sqlite.WRITES: True, sqlite.UNTIL: lambda: began + self._patience()}

        def work(c: Connection) -> T:
            with c.execution_options(**options).begin():
                return verb(c, *args, **kwargs)

        if not self.sqlite:
            return self._run(work)
        with self._turn():
            return self._run(work)

    def close(self) -> None:
        """Give all connections back."""
        self.engine.dispose()

    def _run(self, work: Callable[[Connection], T]) -> T:
        def connected() -> T:
            with _translated(), self.engine.connect() as connection:
                return work(connection)

        if self._offload is None:
            return connected()
        self._connect_once()
        return self._offload(connected)

    def _connect_once(self) -> None:
        """Make the engine's first connection in this thread, before any in gevent's.

        SQLAlchemy guards it with a lock, and a lock that gevent has patched is none between native threads:
        one that waits for it may never be woken.
        """
        if not self._connected:
            with _translated():
                self.engine.connect().close()
            self._connected = True

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if not self._writing.acquire(timeout=min(self._patience(), threading.TIMEOUT_MAX)):
            raise Unavailable(
                "The database is busy with what others write. Try again shortly.", retry_after=5
            )
        try:
            yield
        finally:
            self._writing.release()


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (OperationalError, PoolTimeout, sqlite3.OperationalError) as error:
        if getattr(getattr(error, "orig", None), "pgcode", None) == postgres.ROW_LOCKED:
            raise Locked(retry_after=5) from error
        raise Unavailable(
            f"The database cannot be used right now ({_first_line(error)}). Try again shortly.", retry_after=5
        ) from error
    except DBAPIError as error:
        if not error.connection_invalidated and getattr(error.orig, "pgcode", None) != postgres.READ_ONLY:
            raise
        raise Unavailable(retry_after=5) from error


def _first_line(error: BaseException) -> str:
    return str(getattr(error, "orig", None) or error).strip().partition("\n")[0]


def _gevent_threadpool() -> Callable[[Callable[[], T]], T] | None:
    """Under a gevent web worker a waiting SQLite would stop every greenlet: go through its threads."""
    monkey = sys.modules.get("gevent.monkey")
    if monkey is None or not monkey.is_module_patched("socket"):
        return None
    import gevent  # noqa: PLC0415 - only a patched process may load it

    def offload(work: Callable[[], T]) -> T:
        value, error = gevent.get_hub().threadpool.apply(_caught, (work,))
        if error is not None:
            raise error
        return cast("T", value)

    return offload


def _caught(work: Callable[[], T]) -> tuple[T | None, BaseException | None]:
    """Carry an error over as a value: gevent prints what its threads raise."""
    try:
        return work(), None
    except BaseException as error:  # noqa: BLE001 - raised again by the caller
        return None, error
