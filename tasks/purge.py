"""The job that makes room, every hour."""

from datetime import timedelta

import structlog

from app.clock import utcnow
from app.errors import Unavailable
from app.runner.purge import purge as purge_old
from tasks.celery import app, machinery

log = structlog.get_logger()


@app.task(name="tasks.purge")
def purge() -> None:
    """Delete what is older than ERRAND_RETENTION_DAYS; a database that is away is tried again in an hour."""
    worker = machinery()
    if not worker.settings.retention_days:
        return
    before = utcnow() - timedelta(days=worker.settings.retention_days)
    try:
        gone = purge_old(worker.db, worker.settings.data_dir, before=before)
    except Unavailable as error:
        log.warning("purge_failed", error=error.message)
        return
    if gone:
        log.info("purged", sessions=gone)
