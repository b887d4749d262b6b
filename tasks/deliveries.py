"""The job a webhook's doorbell starts: read one Delivery."""

import structlog

from app.errors import NotFound, Unavailable
from tasks.celery import app, machinery

log = structlog.get_logger()


@app.task(name="tasks.deliveries")
def deliveries(delivery_id: str) -> None:
    """Decide on the Delivery and act; one that can't be read now is rung for again by the observer."""
    try:
        machinery().intake.read(str(delivery_id))
    except Unavailable as error:
        log.warning("delivery_not_read", delivery_id=delivery_id, error=error.message)
    except NotFound:
        log.warning("job_refused", argument=str(delivery_id)[:100])
