"""Redis hands out again what is unacked for too long, also to the worker that is still at it."""

from pathlib import Path

from app.domain.task import TaskState
from tests.integration.jobs.plant import Plant
from tests.waiting import wait_until


def test_a_message_handed_out_again_starts_nothing(plant: Plant, tmp_path: Path) -> None:
    """One CLI, whatever is redelivered while it runs; its end is not disturbed either."""
    worker = plant.worker("impatient", module="tests.integration.jobs.impatient")
    task = plant.ask({"say": "here"}, {"wait_for": str(tmp_path / "go")})

    wait_until(lambda: "doorbell_ignored" in worker.logs(), 20, message="it was redelivered")
    assert plant.now(task).state is TaskState.RUNNING
    (tmp_path / "go").touch()

    [done] = plant.wait(task)
    assert done.attempt == 1
    assert len(plant.cli.starts) == 1
    worker.teardown()
