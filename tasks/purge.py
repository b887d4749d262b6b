"""The job that makes room, every hour."""

from datetime import timedelta

import structlog

from app.clock import utcnow
from app.errors import Unavailable
from app.runner import purge as room
from tasks.celery import app, machinery

log = structlog.get_logger()


@app.task(name="tasks.purge")
def purge() -> None:
    """Delete what is older than ERRAND_RETENTION_DAYS; a database that is away is tried again in an hour."""
    worker = machinery()
    days, gone = worker.settings.retention_days, 0
    try:
        room.purge_traces(worker.db)
        room.purge_access(worker.db, audit_days=worker.settings.audit_days)
        room.purge_deliveries(worker.db, days=worker.settings.delivery_days)
        if days:
            before = utcnow() - timedelta(days=days)
            gone = room.purge(worker.db, worker.settings.data_dir, before=before)
    except Unavailable as error:
        log.warning("purge_failed", error=error.message)
    if gone:
        log.info("purged", sessions=gone)
