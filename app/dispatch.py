"""Ringing the bell: telling workers, after the commit, that a Task or a Delivery is there."""

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
    """Tells workers of a Task, and control of a Delivery."""

    def ring(self, task_id: TaskId, *, countdown: float | None = None) -> bool:
        """Return whether the message was handed to the broker; never raises."""

    def deliver(self, delivery_id: str) -> bool:
        """Tell control of a Delivery; return whether that was handed to the broker; never raises."""


class CeleryBell:
    """Rings by sending the Celery job by its name; only the Task's id travels."""

    def __init__(self, celery: Celery) -> None:
        self._celery = celery

    def ring(self, task_id: TaskId, *, countdown: float | None = None) -> bool:
        """Send the message once, within the producer's socket time-outs; a lost one is rung again later."""
        return self._send("tasks.run", task_id, queue=RUNS, countdown=countdown)

    def deliver(self, delivery_id: str) -> bool:
        """Send the message that a Delivery waits; a lost one is sent again later."""
        return self._send("tasks.deliveries", delivery_id, queue=CONTROL)

    def _send(self, job: str, about: str, *, queue: str, countdown: float | None = None) -> bool:
        try:
            self._celery.send_task(job, args=[about], queue=queue, countdown=countdown, retry=False)
        except (KombuError, RedisError, OSError) as error:
            log.warning("bell_not_rung", job=job, about=about, error=str(error))
            return False
        return True
