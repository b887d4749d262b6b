"""What Celery's own retry is for: a Task that failed for a passing reason is rung for when it may run."""

from pytest_celery import CeleryTestWorker

from app.clock import utcnow
from app.domain.reason import Reason
from app.domain.task import TaskState
from tests.fakes.scripted_cli import script
from tests.integration.jobs.plant import Plant
from tests.waiting import wait_until


def _fails(status: int, text: str) -> str:
    return script({"result": {"is_error": True, "api_error_status": status, "result": text}}, exit=1)


def test_a_passing_failure_is_tried_again_and_a_lasting_one_is_not(
    worker: CeleryTestWorker, plant: Plant
) -> None:
    """529 waits for its time in the queue and completes, rung for by Celery's countdown alone; 401 fails."""
    plant.cli.by_default(_fails(529, "API Error: 529 overloaded"))
    overloaded = plant.queue_message("do what the file says")
    refused = plant.queue_message(_fails(401, "Invalid API key"))
    plant.ring(overloaded, refused)

    [failed] = plant.wait(refused, state=TaskState.FAILED)
    wait_until(lambda: plant.now(overloaded).failures == 1, 20)
    waiting = plant.now(overloaded)
    assert (waiting.state, waiting.reason) == (TaskState.QUEUED, Reason.OVERLOADED)
    assert waiting.not_before is not None
    assert 0 < (waiting.not_before - utcnow()).total_seconds() <= 5
    plant.cli.by_default(script({"texts": 1}))

    [done] = plant.wait(overloaded)
    assert (done.attempt, done.failures, done.reason) == (2, 1, None)
    assert done.started_at is not None
    assert (failed.attempt, failed.reason, failed.not_before) == (1, Reason.CLI_AUTH, None)
    assert len(plant.cli.starts) == 3
    assert "Traceback" not in worker.logs()
