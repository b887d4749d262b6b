"""The job that tells of the ends of Tasks, every few seconds."""

import structlog

from app.errors import Unavailable
from tasks.celery import app, machinery

log = structlog.get_logger()


@app.task(name="tasks.callbacks")
def callbacks() -> None:
    """Send the callbacks that are due, in one of control's threads at most; see app.webhooks.callbacks."""
    worker = machinery()
    try:
        worker.callbacks.send_due(closing=lambda: worker.closing)
    except Unavailable as error:
        log.warning("callbacks_not_sent", error=error.message)
