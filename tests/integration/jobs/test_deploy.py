"""A deploy: the next version has migrated, and this one's processes still run for a while."""

from pathlib import Path

import pytest
from pytest_celery import CeleryTestWorker
from sqlalchemy import Connection, text

from tests.integration.jobs.plant import Plant
from tests.waiting import wait_until


def _migrate_ahead(c: Connection) -> None:
    """Do what a later migration may: add to the tables, and write down its revision."""
    c.execute(text("ALTER TABLE tasks ADD COLUMN later INTEGER"))
    c.execute(text("ALTER TABLE attempts ADD COLUMN later TEXT NOT NULL DEFAULT 'x'"))
    c.execute(text("CREATE TABLE later (id INTEGER PRIMARY KEY)"))
    c.execute(text("UPDATE alembic_version SET version_num = 'from-the-future'"))


@pytest.mark.usefixtures("control")
def test_old_processes_go_on_under_the_new_schema(
    worker: CeleryTestWorker, plant: Plant, tmp_path: Path
) -> None:
    """What runs ends well, what waits is run; only a fresh start of the old version is refused, in words."""
    go = tmp_path / "go"
    running = plant.ask({"say": "here"}, {"wait_for": str(go)}, {"texts": 3})
    wait_until(lambda: plant.now(running).last_seq > 1, 20, message="its CLI runs")

    plant.db.write(_migrate_ahead)
    waiting = [plant.ask({"texts": 1}) for _ in range(3)]
    plant.wait(*waiting)
    go.touch()

    [done] = plant.wait(running)
    assert (done.attempt, done.result) == (1, "done")
    assert "Traceback" not in worker.logs()
    refused = plant.start("late", "-A", "tasks.celery", "worker", "-Q", "runs", "-P", "threads")
    assert refused.process.wait(20) == 1
    assert "made by a newer version of Errand" in refused.logs().decode()
    assert "Traceback" not in refused.logs().decode()
