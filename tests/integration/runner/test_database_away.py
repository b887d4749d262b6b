"""The database goes away under a run: the pipe waits, the tree freezes, nothing is lost or doubled."""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import psutil
import pytest
from sqlalchemy import event

from app.db import migrate, tasks
from app.db.engine import Database
from app.db.tasks import NewTask
from app.domain.task import Task, TaskId, TaskState
from app.errors import Unavailable
from tests.fakes.scripted_cli import ScriptedCli, script
from tests.integration.runner.conftest import Bench
from tests.services import PostgresServer
from tests.waiting import wait_until

LINES = 3000
#: Lines, then an answer that comes when the test says so.
STEPS = ({"lines": LINES // 2}, {"wait": 0.3}, {"lines": LINES // 2})


@pytest.fixture
def bench(own_postgres: PostgresServer, redis_url: str, tmp_path: Path) -> Iterator[Bench]:
    """A Runner on a PostgreSQL of its own, with a short Lease."""
    migrate.upgrade(own_postgres.url())
    db = Database(own_postgres.url())
    bench = Bench(db, redis_url, tmp_path, ScriptedCli(tmp_path / "bin"), lease_seconds=3)
    yield bench
    bench.close()
    bench.publisher.close()
    db.close()


def _assert_whole(bench: Bench, task: Task) -> None:
    events = bench.events(task)
    assert [event["seq"] for event in events] == list(range(1, task.last_seq + 1))
    numbered = [event["text"] for event in events if event["kind"] == "raw"]
    expected = [f"line {n}" for n in range(1, LINES // 2 + 1)]
    assert numbered == expected * 2
    printed = b"".join(line.encode() + b"\n" for line in numbered)
    assert printed[: len(printed) // 2] in bench.output(task)


@pytest.mark.parametrize("how", ["stopped", "frozen"])
def test_an_outage_in_the_middle_and_across_the_end(
    bench: Bench, own_postgres: PostgresServer, tmp_path: Path, how: str
) -> None:
    """Whether connections break or hang: the result and the last byte are there afterwards, once."""
    go = tmp_path / "go"
    task = bench.queue(script({"say": "begun"}, {"wait_for": str(go)}, *STEPS))
    run = bench.start(task)
    wait_until(lambda: bench.running(task))
    if how == "stopped":
        own_postgres.stop()
    else:
        own_postgres.pause()
    go.touch()
    time_away = time.monotonic() + 2
    wait_until(lambda: time.monotonic() > time_away, 5)
    if how == "stopped":
        own_postgres.start()
    else:
        own_postgres.resume()

    run.result(timeout=60)
    task = bench.task(task.id)
    assert (task.state, task.result, task.attempt) == (TaskState.COMPLETED, "done", 1)
    _assert_whole(bench, task)


def test_a_tree_whose_lease_runs_dry_stands_still_and_goes_on(
    bench: Bench, own_postgres: PostgresServer, tmp_path: Path
) -> None:
    """No process of it runs while others might take the Task; the same Attempt goes on when it may."""
    go = tmp_path / "go"
    task = bench.queue(script({"fork": "session"}, {"say": "begun"}, {"wait_for": str(go)}, *STEPS))
    run = bench.start(task)
    wait_until(lambda: bench.running(task) and len(bench.cli.children) == 1)
    pids = [line["pid"] for line in bench.cli.starts + bench.cli.children]

    own_postgres.stop()
    wait_until(lambda: all(psutil.Process(pid).status() == "stopped" for pid in pids), 10)
    go.touch()
    own_postgres.start()

    run.result(timeout=60)
    task = bench.task(task.id)
    assert (task.state, task.attempt) == (TaskState.COMPLETED, 1)
    _assert_whole(bench, task)


def test_somebody_else_locks_sqlite(sqlite_url: str, redis_url: str, tmp_path: Path) -> None:
    """Longer than a writer waits for the lock: the run waits with its output, and nothing is missing."""
    db = Database(sqlite_url, patience=lambda: 0.5)
    bench = Bench(db, redis_url, tmp_path, ScriptedCli(tmp_path / "bin"))
    go = tmp_path / "go"
    task = bench.queue(script({"say": "begun"}, {"wait_for": str(go)}, *STEPS))
    run = bench.start(task)
    wait_until(lambda: bench.running(task))

    with closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        go.touch()
        with pytest.raises(Unavailable, match=r"locked|busy"):
            db.write(tasks.cancel, TaskId("nothing"))
        assert not run.done()
        other.execute("ROLLBACK")

    run.result(timeout=30)
    task = bench.task(task.id)
    assert (task.state, task.attempt) == (TaskState.COMPLETED, 1)
    _assert_whole(bench, task)
    bench.close()
    db.close()


def test_a_full_disk_holds_the_run_and_loses_nothing(sqlite_url: str, redis_url: str, tmp_path: Path) -> None:
    """SQLite says that it is full: the same Attempt waits, reads go on, and it ends when there is room."""
    db = Database(sqlite_url)
    bench = Bench(db, redis_url, tmp_path, ScriptedCli(tmp_path / "bin"))
    go = tmp_path / "go"
    task = bench.queue(script({"say": "begun"}, {"wait_for": str(go)}, *STEPS))
    run = bench.start(task)
    wait_until(lambda: bench.running(task))
    pages = db.read(lambda c: c.exec_driver_sql("PRAGMA page_count").scalar_one())
    full = _limit_pages(pages)
    event.listen(db.engine, "checkout", full)
    go.touch()
    with pytest.raises(Unavailable, match="full"):
        db.write(tasks.create, NewTask("x" * 200_000, "brain", "claude", 3))
    assert db.read(tasks.get, task.id).state is TaskState.RUNNING
    event.remove(db.engine, "checkout", full)
    event.listen(db.engine, "checkout", _limit_pages(2**30))

    run.result(timeout=30)
    task = bench.task(task.id)
    assert (task.state, task.attempt) == (TaskState.COMPLETED, 1)
    _assert_whole(bench, task)
    bench.close()
    db.close()


def _limit_pages(pages: int) -> Callable[..., None]:
    """Return a listener under which SQLite may not grow beyond so many pages, as on a full disk."""

    def limit(connection: sqlite3.Connection, *_: object) -> None:
        connection.execute(f"PRAGMA max_page_count={pages}")

    return limit
