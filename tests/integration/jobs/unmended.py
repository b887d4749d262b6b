"""Our Celery app on kombu's own Redis transport: what tasks/transport.py is there to mend."""

from kombu.transport import TRANSPORT_ALIASES

from tasks.celery import app

TRANSPORT_ALIASES["redis"] = "kombu.transport.redis:Transport"

__all__ = ["app"]
