"""Ringing the bell: telling workers, after the commit, that a Task is there."""

from typing import Protocol

import structlog
from celery import Celery
from kombu.exceptions import KombuError
from redis.exceptions import RedisError

from app.domain.task import TaskId

log = structlog.get_logger()

RUNS = "runs"
CONTROL = "control"


class Bell(Protocol):
    """Tells workers of a Task."""

    def ring(self, task_id: TaskId, *, countdown: float | None = None) -> bool:
        """Return whether the message was handed to the broker; never raises."""


class CeleryBell:
    """Rings by sending the Celery job by its name; only the Task's id travels."""

    def __init__(self, celery: Celery) -> None:
        self._celery = celery

    def ring(self, task_id: TaskId, *, countdown: float | None = None) -> bool:
        """Send the message once, within the producer's socket time-outs; a lost one is rung again later."""
        try:
            self._celery.send_task("tasks.run", args=[task_id], queue=RUNS, countdown=countdown, retry=False)
        except (KombuError, RedisError, OSError) as error:
            log.warning("bell_not_rung", task_id=task_id, error=str(error))
            return False
        return True
