"""The job that looks after credentials, every few seconds."""

import structlog

from app.errors import Unavailable
from tasks.celery import app, machinery

log = structlog.get_logger()


@app.task(name="tasks.credentials")
def credentials() -> None:
    """Warn of ends, get new tokens, try refused ones again, let go who waited; see app.credentials.watch."""
    try:
        machinery().watch.look()
    except Unavailable as error:
        log.warning("credentials_not_looked_at", error=error.message)
