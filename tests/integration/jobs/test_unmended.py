"""What tasks/transport.py is for: kombu's own transport takes a lost connection for a bug of its own."""

from pathlib import Path

from tests.integration.jobs.plant import Plant
from tests.waiting import wait_until


def test_without_the_mend_a_blink_of_redis_ends_the_worker(plant: Plant, tmp_path: Path) -> None:
    """Once this fails, because the worker lives, the mend of a lost connection can go."""
    worker = plant.worker(module="tests.integration.jobs.unmended", ERRAND_SHUTDOWN_GRACE="0")
    task = plant.ask({"say": "here"}, {"wait_for": str(tmp_path / "go")})
    wait_until(lambda: plant.now(task).last_seq > 1, 20, message="its CLI runs")

    plant.redis.restart()
    (tmp_path / "go").touch()

    wait_until(lambda: worker.container.status == "exited", 20, message="the worker died")
    assert worker.container._container.process.returncode == 1
    worker.assert_log_exists("Unrecoverable error")
