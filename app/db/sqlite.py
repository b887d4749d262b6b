"""SQLite: one file with one writer at a time."""

import sqlite3
import time
from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

#: The execution options of a transaction that writes: that it does, and until when it may wait to begin.
WRITES, UNTIL = "errand_write", "errand_until"
#: Milliseconds SQLite itself waits for a lock. For its turn to write it waits a few at a time: its waits
#: grow to a tenth of a second, and whoever writes often, in another process, never lets such a one in.
_BUSY, _TURN = 1000, 4


def make_engine(url: str, *, pooled: bool) -> Engine:
    """Return an engine whose transactions begin as the options above say."""
    # The last connection to close checkpoints and syncs the WAL, 10 ms: a worker keeps its own open. Between
    # gevent's threads a pool's locks are worth less than the 0.1 ms that a new connection costs.
    pool: dict[str, Any] = {"pool_size": 20, "max_overflow": -1} if pooled else {"poolclass": NullPool}
    engine = create_engine(url, connect_args={"timeout": _BUSY / 1000}, **pool)
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def _prepare(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # BEGIN is ours: the driver's own is neither IMMEDIATE nor before reads
    cursor = connection.cursor()
    if cursor.execute("PRAGMA page_count").fetchone() == (0,):
        # So that retention can give room back. It is heard in a new file only, and writes in every other.
        cursor.execute("PRAGMA auto_vacuum=INCREMENTAL")
    for pragma in (
        "journal_mode=WAL",
        "synchronous=NORMAL",
        "foreign_keys=ON",
        "journal_size_limit=67108864",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: Connection) -> None:
    options = connection.get_execution_options()
    if not options.get(WRITES):
        connection.exec_driver_sql("BEGIN")
        return
    connection.exec_driver_sql(f"PRAGMA busy_timeout={_TURN}")
    try:
        _take_turn(connection, options[UNTIL])
    finally:
        # Also after a turn that never came: the pool hands the connection on to whoever reads.
        connection.exec_driver_sql(f"PRAGMA busy_timeout={_BUSY}")


def _take_turn(connection: Connection, until: Callable[[], float]) -> None:
    while True:
        try:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        except OperationalError:
            if time.monotonic() >= until():
                raise
        else:
            return
