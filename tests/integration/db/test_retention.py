"""Old conversations go whole, young and living ones stay whole."""

import os
import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, insert, select

from app.clock import utcnow
from app.db import events, retention, runs, sessions, tasks
from app.db.engine import Connection, Database
from app.db.rows import chunks, machines, outputs
from app.db.runs import Claim, Ending
from app.db.tasks import NewTask
from app.domain.event import Raw
from app.domain.task import AttemptState, Task, TaskState
from app.errors import NotFound
from app.runner.purge import purge, purge_traces, remove_strays
from app.runner.workspace import prepare

Make = Callable[..., Task]


def _rows(c: Connection) -> int:
    return sum(c.execute(select(func.count()).select_from(table)).scalar_one() for table in (chunks, outputs))


def _finished(db: Database, task: Task, chunk_count: int) -> None:
    claim = db.write(runs.claim, task.id, machine="m")
    assert claim is not None
    for seq in range(1, chunk_count + 1):
        records = events.number([Raw(text="x")], after=seq, attempt=1, at=utcnow())
        batch = events.Batch(task.id, 1, seq, seq + 1, events.encode(records), start=seq - 1, stdout=b"x")
        db.write(events.append, batch)
    db.write(runs.finish, task.id, 1, Ending(TaskState.COMPLETED, AttemptState.SUCCEEDED))


def test_only_what_is_old_and_done_is_deleted(
    db: Database, new_task: Make, claimed: Claim, tmp_path: Path
) -> None:
    """Rows and workspace of a finished conversation go; a running one stays however old it is."""
    agent = tmp_path / "agents" / "brain"
    agent.mkdir(parents=True)
    (agent / "CLAUDE.md").write_text("Be brief.\n")
    old = new_task()
    _finished(db, old, 250)
    for task in (old, claimed.task):
        prepare(tmp_path, task.session_id, agent)

    assert purge(db, tmp_path, before=utcnow() - timedelta(days=1)) == 0
    assert purge(db, tmp_path, before=utcnow() + timedelta(seconds=1)) == 1

    assert [task.id for task in db.read(tasks.page).items] == [claimed.task.id]
    assert db.read(_rows) == 1
    assert [path.name for path in (tmp_path / "sessions").iterdir()] == [claimed.task.session_id]


def test_directories_nobody_knows_are_removed(db: Database, claimed: Claim, tmp_path: Path) -> None:
    """A worker clears its own disk of conversations that were deleted elsewhere, once they are old."""
    folder = tmp_path / "sessions"
    stray, fresh = "2f1f9a52-5bb2-4d3a-9d0f-0f6f3f6b9d11", "3f1f9a52-5bb2-4d3a-9d0f-0f6f3f6b9d11"
    kept = [claimed.task.session_id, "not-a-session", fresh]
    for name in (stray, *kept):
        (folder / name / "workspace").mkdir(parents=True)
    for path in (p for name in (stray, *kept[:2]) for p in (folder / name, folder / name / "workspace")):
        os.utime(path, (0, 0))

    assert remove_strays(db, tmp_path, before=utcnow() - timedelta(days=1)) == 1
    assert sorted(path.name for path in folder.iterdir()) == sorted(kept)


def test_a_conversation_that_is_being_deleted_takes_nothing_new(db: Database, new_task: Make) -> None:
    """A follow-up or a retry that comes too late is told so; nothing accepted is deleted."""
    old = new_task()
    _finished(db, old, 3)
    assert db.write(retention.take_old, utcnow() + timedelta(seconds=1)) == [old.session_id]

    with pytest.raises(NotFound):
        new_task(old.session_id)
    with pytest.raises(NotFound):
        db.write(tasks.retry, old.id)
    assert db.read(sessions.page) == []
    assert db.write(retention.take_old, utcnow() - timedelta(days=1)) == [old.session_id]


@pytest.mark.parametrize("asked", ["a follow-up", "a retry"])
def test_what_is_accepted_while_old_ones_are_taken_is_kept(db: Database, new_task: Make, asked: str) -> None:
    """Whichever comes first wins, forty times over: never is a Task accepted and deleted."""
    with ThreadPoolExecutor(2) as pool:
        for _ in range(40):
            old = new_task()
            _finished(db, old, 1)
            gate = threading.Barrier(2)

            def ask(old: Task = old, gate: threading.Barrier = gate) -> bool:
                gate.wait()
                try:
                    if asked == "a retry":
                        db.write(tasks.retry, old.id)
                    else:
                        new_task(old.session_id)
                except NotFound:
                    return False
                return True

            def take(old: Task = old, gate: threading.Barrier = gate) -> bool:
                gate.wait()
                return old.session_id in db.write(retention.take_old, utcnow() - timedelta(microseconds=1))

            accepted, taken = (race.result() for race in (pool.submit(ask), pool.submit(take)))
            assert accepted != taken


def test_deleting_gives_the_room_back(sqlite_url: str, tmp_path: Path) -> None:
    """LOAD-04: SQLite's file shrinks, a little at a time."""
    db = Database(sqlite_url)
    file = Path(sqlite_url.removeprefix("sqlite:///"))
    task = db.write(tasks.create, NewTask("x", "brain", "claude", 3))
    db.write(runs.claim, task.id, machine="m")
    noise = [random.Random(n).randbytes(200_000) for n in range(100)]
    for n, data in enumerate(noise):
        batch = events.Batch(task.id, 1, 1, 1, start=n * 200_000, stdout=data)
        db.write(events.append, batch)
    db.write(runs.finish, task.id, 1, Ending(TaskState.COMPLETED, AttemptState.SUCCEEDED))
    db.read(lambda c: c.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").all())
    full = file.stat().st_size

    assert purge(db, tmp_path, before=utcnow() + timedelta(seconds=1)) == 1

    db.read(lambda c: c.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").all())
    assert full > 20_000_000
    assert file.stat().st_size < 1_000_000
    db.close()


def _insert_machine(c: Connection, row: dict[str, object]) -> None:
    c.execute(insert(machines).values(**row))


def test_traces_are_forgotten_by_themselves(db: Database) -> None:
    """Whether or not conversations are: old keys and machines that are gone."""
    now = utcnow()
    machine = {"name": "m", "role": "worker", "version": "", "capacity": 1, "running": 0, "clis": {}}
    for name, seen_at in (("old", now - timedelta(days=30)), ("new", now)):
        row = {**machine, "id": name, "started_at": seen_at, "seen_at": seen_at}
        db.write(_insert_machine, row)
    purge_traces(db)
    assert db.read(lambda c: list(c.execute(select(machines.c.id)).scalars())) == ["new"]
