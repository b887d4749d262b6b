"""The engine, and the two ways to use it: `read` and `write`."""

import sqlite3
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import NullPool

from app.errors import Unavailable

#: For those who compose verbs: a Connection is handed on, never used.
__all__ = ["Connection", "Database"]

P = ParamSpec("P")
T = TypeVar("T")

#: Seconds a SQLite writer waits for the others; a worker has time, a person has less.
BUSY_TIMEOUT = 30
BUSY_TIMEOUT_WEB = 10


class Database:
    """One database; give `read` and `write` a verb that takes a Connection first.

    Both raise Unavailable when the database cannot be used right now. A write that raised it may or
    may not have been committed: verbs that matter are written so that they can be asked again.
    """

    def __init__(self, url: str, *, pool_size: int = 10, busy_timeout: float = BUSY_TIMEOUT) -> None:
        self.url = url
        self.sqlite = url.startswith("sqlite")
        # SQLite has one writer. Threads of one process queue here, fairly, rather than in SQLite's
        # busy handler, which sleeps and lets latecomers overtake.
        self._offload = _gevent_threadpool() if self.sqlite else None
        self.engine = (
            _sqlite_engine(url, busy_timeout, pooled=self._offload is None)
            if self.sqlite
            else _postgres_engine(url, pool_size)
        )
        queue = self.sqlite and self._offload is None
        self._writers: AbstractContextManager[Any] = threading.Lock() if queue else nullcontext()

    def read(self, verb: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what `verb` reads, all of it from one snapshot."""
        return self._run(self._reading, verb, args, kwargs)

    def write(self, verb: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Commit what `verb` wrote and return its value; an exception rolls back."""
        return self._run(self._writing, verb, args, kwargs)

    def close(self) -> None:
        """Give all connections back."""
        self.engine.dispose()

    def _run(self, transaction: Callable[[], Any], verb: Callable[..., T], args: Any, kwargs: Any) -> T:
        def work() -> T:
            with _translated(), transaction() as connection:
                return verb(connection, *args, **kwargs)

        return work() if self._offload is None else self._offload(work)

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with self.engine.connect() as connection:
            yield connection

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with (
            self._writers,
            self.engine.connect() as connection,
            connection.execution_options(errand_write=True).begin(),
        ):
            yield connection


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (OperationalError, PoolTimeout, sqlite3.OperationalError) as error:
        raise Unavailable(
            f"The database cannot be used right now ({_first_line(error)}). Try again shortly.", retry_after=5
        ) from error
    except DBAPIError as error:
        if not error.connection_invalidated:
            raise
        raise Unavailable(retry_after=5) from error


def _first_line(error: BaseException) -> str:
    return str(getattr(error, "orig", None) or error).strip().partition("\n")[0]


def _sqlite_engine(url: str, busy_timeout: float, *, pooled: bool) -> Engine:
    # The last connection to close checkpoints and syncs the WAL, 10 ms: a worker keeps its own open. Between
    # gevent's threads a pool's locks are worth less than the 0.1 ms that a new connection costs.
    pool: dict[str, Any] = {"pool_size": 20, "max_overflow": -1} if pooled else {"poolclass": NullPool}
    engine = create_engine(url, connect_args={"timeout": busy_timeout}, **pool)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # BEGIN is ours: the driver's own is neither IMMEDIATE nor before reads
    cursor = connection.cursor()
    for pragma in (
        "journal_mode=WAL",
        "synchronous=NORMAL",
        "foreign_keys=ON",
        "journal_size_limit=67108864",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    writing = connection.get_execution_options().get("errand_write")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


def _postgres_engine(url: str, pool_size: int) -> Engine:
    return create_engine(
        url,
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_timeout=5,
        pool_pre_ping=True,
        connect_args={"connect_timeout": 5, "options": "-c statement_timeout=30000 -c lock_timeout=10000"},
    )


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
