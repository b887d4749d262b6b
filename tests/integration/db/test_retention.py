"""Old conversations go whole, young and living ones stay whole."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from sqlalchemy import func, select

from app.clock import utcnow
from app.db import events, runs, tasks
from app.db.engine import Connection, Database
from app.db.rows import chunks, outputs
from app.db.runs import Claim, Ending
from app.domain.event import Raw
from app.domain.task import AttemptState, Task, TaskState
from app.runner.purge import purge, remove_strays
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

    assert [task.id for task in db.read(tasks.page)] == [claimed.task.id]
    assert db.read(_rows) == 1
    assert [path.name for path in (tmp_path / "sessions").iterdir()] == [claimed.task.session_id]


def test_directories_nobody_knows_are_removed(db: Database, claimed: Claim, tmp_path: Path) -> None:
    """A worker clears its own disk of conversations that were deleted elsewhere."""
    folder = tmp_path / "sessions"
    for name in (claimed.task.session_id, "2f1f9a52-5bb2-4d3a-9d0f-0f6f3f6b9d11", "not-a-session"):
        (folder / name).mkdir(parents=True)
    assert remove_strays(db, tmp_path) == 1
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        [claimed.task.session_id, "not-a-session"]
    )
