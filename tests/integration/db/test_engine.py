"""What a database that can't be used now looks like to its callers: Unavailable, and soon."""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest
from sqlalchemy import Connection, text, update

from app.db import leases, migrate, rows, runs, tasks
from app.db.engine import Database
from app.db.tasks import NewTask
from app.domain.task import TaskId
from app.errors import Locked, Unavailable
from tests.services import PostgresServer

#: Seconds.
PATIENCE = 1.0


@pytest.fixture
def server_db(own_postgres: PostgresServer) -> Iterator[Database]:
    """A PostgreSQL that this test may freeze, and little patience with it."""
    migrate.upgrade(own_postgres.url())
    database = Database(own_postgres.url(), patience=lambda: PATIENCE)
    yield database
    database.close()


def _ask(c: Connection) -> int:
    return int(c.execute(text("SELECT 1")).scalar_one())


def test_a_server_that_hangs_is_given_up_and_asked_again(
    server_db: Database, own_postgres: PostgresServer
) -> None:
    """On a connection it had accepted, and on a new one; when it goes on everything goes on."""
    assert server_db.read(_ask) == 1
    own_postgres.pause()
    for _ in range(2):
        began = time.monotonic()
        with pytest.raises(Unavailable):
            server_db.read(_ask)
        assert time.monotonic() - began < 3 * PATIENCE  # the ping of the pool, and the answer
    own_postgres.resume()
    assert server_db.read(_ask) == 1


def test_a_worker_that_has_to_go_waits_no_longer(own_postgres: PostgresServer) -> None:
    """Patience that ends while an answer is awaited ends the wait."""
    left = [60.0]
    db = Database(own_postgres.url(), patience=lambda: left[0])
    assert db.read(_ask) == 1
    own_postgres.pause()
    hurry = threading.Timer(0.5, lambda: left.__setitem__(0, 0.0))
    hurry.start()

    with pytest.raises(Unavailable):
        db.read(_ask)

    hurry.join()
    own_postgres.resume()
    db.close()


def test_a_server_that_became_read_only_is_away(server_db: Database) -> None:
    """A failover or a plan that ran full: worth waiting for, and no error of ours. Reads go on."""
    everybody = "ALTER DATABASE postgres SET default_transaction_read_only ="
    with server_db.engine.connect() as c, c.begin():
        c.execute(text(f"{everybody} on"))
    server_db.close()

    with pytest.raises(Unavailable):
        server_db.write(tasks.create, NewTask("x", "brain", "claude", 3))
    assert server_db.read(_ask) == 1


def test_the_server_frees_what_a_silent_client_holds(postgres_url: str) -> None:
    """A frozen host keeps a row for seconds, not until its connection breaks."""
    db = Database(postgres_url)
    limit = db.read(lambda c: c.execute(text("SHOW idle_in_transaction_session_timeout")).scalar_one())
    assert limit == "10s"
    db.close()


LOOKED_AFTER: dict[str, Callable[[Connection, TaskId], object]] = {
    "renew": lambda c, task_id: runs.renew(c, task_id, 1),
    "rescue": lambda c, task_id: leases.rescue(c, task_id, attempt=1, counter=1),
}


@pytest.mark.parametrize("verb", LOOKED_AFTER)
def test_a_row_that_somebody_holds_is_given_up_soon(postgres_url: str, verb: str) -> None:
    """Who looks after many Tasks does not wait long for one, and can tell why."""
    db = Database(postgres_url)
    task = db.write(tasks.create, NewTask("x", "brain", "claude", 3))
    claim = db.write(runs.claim, task.id, machine="here")
    assert claim is not None
    with db.engine.connect() as stuck, stuck.begin():
        stuck.execute(update(rows.tasks).where(rows.tasks.c.id == task.id).values(detail="half"))
        began = time.monotonic()
        with pytest.raises(Locked):
            db.write(LOOKED_AFTER[verb], task.id)
        assert time.monotonic() - began < 5 + runs.ROW_PATIENCE  # others wait for 15 s
    assert db.write(runs.renew, task.id, 1) is False
    db.close()


def test_sqlite_gives_up_a_lock_when_its_patience_ends(sqlite_url: str) -> None:
    """Those who queue behind the first writer of their process too; reads are not held up."""
    db = Database(sqlite_url, patience=lambda: PATIENCE)
    failed = []

    def write() -> None:
        try:
            db.write(tasks.cancel, TaskId("nothing"))
        except Unavailable:
            failed.append(time.monotonic())

    with closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        writers = [threading.Thread(target=write) for _ in range(5)]
        for writer in writers:
            writer.start()
        assert db.read(_ask) == 1
        for writer in writers:
            writer.join()
        other.execute("ROLLBACK")
    assert len(failed) == len(writers)
    assert max(failed) - began < 3 * PATIENCE + 1
    db.close()


def test_who_reads_after_a_turn_that_never_came_waits_as_always(sqlite_url: str) -> None:
    """The pool hands the same connection on; a write's short waits must not be left on it."""
    db = Database(sqlite_url, patience=lambda: 0.1)

    def waits(c: Connection) -> int:
        return int(c.execute(text("PRAGMA busy_timeout")).scalar_one())

    usual = db.read(waits)
    assert db.write(waits) == usual
    with closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Unavailable):
            db.write(_ask)
    assert db.read(waits) == usual == 1000
    db.close()


def test_a_read_only_sqlite_file_is_away(sqlite_url: str) -> None:
    """A disk that was mounted read-only: reads go on, writes say so."""
    db = Database(sqlite_url)
    db.read(_ask)

    def read_only(c: Connection) -> None:
        c.exec_driver_sql("PRAGMA query_only = ON")
        try:
            tasks.create(c, NewTask("x", "brain", "claude", 3))
        finally:
            c.exec_driver_sql("PRAGMA query_only = OFF")

    with pytest.raises(Unavailable, match="readonly"):
        db.write(read_only)
    assert db.write(tasks.create, NewTask("x", "brain", "claude", 3)).position == 1
    db.close()
