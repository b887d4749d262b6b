"""The job a doorbell starts: run one Task."""

import uuid
from typing import Any

import structlog

from app.clock import utcnow
from app.db import doorbells
from app.domain.task import TaskId
from app.errors import Unavailable
from tasks.celery import app, machinery

log = structlog.get_logger()

#: Seconds before a job whose claim met a database that is away asks again.
DATABASE_PAUSE = 5


@app.task(name="tasks.run", bind=True, max_retries=None)
def run(self: Any, task_id: str) -> None:
    """Claim and run the Task; a duplicate finds it claimed and returns. Then ring for what comes next."""
    if not _is_id(task_id):
        log.warning("job_refused", job_id=self.request.id, argument=str(task_id)[:100])
        return
    worker = machinery()
    try:
        if worker.closing:
            # The message is acked with this job; the row remembers that nobody acted on it.
            worker.db.write(doorbells.unmark, TaskId(task_id))
            return
        finished = worker.runner.run(TaskId(task_id))
    except Unavailable:
        raise self.retry(countdown=DATABASE_PAUSE) from None
    if finished is None:
        return
    try:
        worker.ring_next(finished.task.session_id)
        if finished.again_in is not None:
            worker.db.write(doorbells.mark_rung, [finished.task.id], utcnow())
    except Unavailable as error:
        # The run is over and stored. Who was not rung for now is rung for by the observer.
        log.warning("next_not_rung", error=error.message)
        return
    if finished.again_in is not None:
        raise self.retry(countdown=finished.again_in)


def _is_id(task_id: object) -> bool:
    try:
        return isinstance(task_id, str) and str(uuid.UUID(task_id)) == task_id
    except ValueError:
        return False
