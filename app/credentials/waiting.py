"""The Tasks that wait for a Credential: let go when it can be used."""

from collections.abc import Sequence
from typing import Any, Protocol

import structlog

from app.clock import utcnow
from app.db import credentials, doorbells, tasks
from app.db.engine import Database
from app.dispatch import Bell
from app.domain.task import Task, TaskId

log = structlog.get_logger()


class Publisher(Protocol):
    """Tells Viewers that a row was committed."""

    def publish_task(self, task: Task) -> Any:
        """Publish the Task's change of state; never raises, bounded in time."""


class Waiting:
    """Lets them go, and rings for them; who is not rung for now is rung for by the observer."""

    def __init__(self, db: Database, bell: Bell, publisher: Publisher) -> None:
        self._db = db
        self._bell = bell
        self._publisher = publisher

    def release(self, name: str) -> int:
        """Let all go that wait for this Credential; return how many."""
        count = 0
        while freed := self._db.write(credentials.release, name):
            self.ring(freed)
            count += len(freed)
        if count:
            log.info("tasks_released", credential=name, tasks=count)
        return count

    def ring(self, freed: Sequence[TaskId]) -> None:
        """Tell Viewers and workers of Tasks that were let go."""
        for task_id in freed:
            self._publisher.publish_task(self._db.read(tasks.get, task_id))
            if self._bell.ring(task_id):
                self._db.write(doorbells.mark_rung, [task_id], utcnow())
