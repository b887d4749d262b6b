"""PostgreSQL over psycopg2, with an end to every wait."""

import math
import select
import time
from collections.abc import Callable

from psycopg2 import OperationalError, extensions
from sqlalchemy import Connection, Engine, create_engine

#: "This server is read-only now": a standby, or a plan that ran full. It may be over in a while.
READ_ONLY = "25006"
#: The lock_timeout was over.
ROW_LOCKED = "55P03"
#: Seconds to connect, and to get a connection from the pool.
_CONNECT = 5
#: Parts of our patience that the server waits for a row somebody else has, and works on one statement: it
#: can say what was the matter.
_LOCK, _STATEMENT = 0.6, 0.9
#: Seconds the server keeps the locks of a client that began something and then fell silent: a frozen one must
#: not hold up those who rescue its Tasks.
_SILENT = 10
#: Seconds between two looks whether an answer is still wanted.
_LOOK = 1.0

_CONNECTING = {extensions.STATUS_SETUP, 20}  # 20 is CONN_STATUS_CONNECTING of psycopg2's connection.h


class _Patient(extensions.connection):
    """A connection that waits as long as its engine says; by itself, for ever."""

    patience: Callable[[], float] = staticmethod(lambda: math.inf)


def make_engine(url: str, *, pool_size: int, patience: Callable[[], float]) -> Engine:
    """Return an engine whose statements raise OperationalError after `patience()` seconds of silence."""
    extensions.set_wait_callback(_wait)
    connection = type("_Connection", (_Patient,), {"patience": staticmethod(patience)})
    return create_engine(
        url,
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_timeout=_CONNECT,
        pool_pre_ping=True,
        connect_args={"connection_factory": connection, "options": _options(patience())},
    )


def wait_for_rows(c: Connection, seconds: float) -> None:
    """Give up on a row that somebody else has after so long; for those who have others to look after."""
    if c.dialect.name == "postgresql":
        c.exec_driver_sql(f"SET LOCAL lock_timeout = {int(seconds * 1000)}")


def _options(patience: float) -> str:
    known = 0 if math.isinf(patience) else patience  # 0 is for ever
    timeouts = {
        "lock_timeout": known * _LOCK,
        "statement_timeout": known * _STATEMENT,
        "idle_in_transaction_session_timeout": _SILENT,
    }
    return " ".join(f"-c {name}={seconds * 1000:.0f}" for name, seconds in timeouts.items())


def _wait(connection: extensions.connection) -> None:
    """Wait for the server in a way that gevent knows too, but not for ever: a frozen host says nothing.

    psycopg2 closes the connection where this raises.
    """
    started = time.monotonic()
    while (state := connection.poll()) != extensions.POLL_OK:
        left = started + _patience(connection) - time.monotonic()
        if left <= 0:
            raise OperationalError("the server does not answer")
        poll = select.poll()
        poll.register(connection.fileno(), select.POLLIN if state == extensions.POLL_READ else select.POLLOUT)
        poll.poll(min(left, _LOOK) * 1000)


def _patience(connection: extensions.connection) -> float:
    patience = connection.patience() if isinstance(connection, _Patient) else math.inf
    return min(patience, _CONNECT) if connection.status in _CONNECTING else patience
