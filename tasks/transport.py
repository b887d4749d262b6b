"""The Redis transport, mended: a worker outlives a Redis that goes away, and messages that are none.

kombu 5.7's Channel keeps its connection after the consumer has cleared that connection's client
(celery/worker/consumer/consumer.py, on_connection_error_after_connected -> collect()). What then still
touches the channel, restoring unacked messages or acking late, meets an AttributeError, which Celery takes
for a bug and ends the worker. The situation is a lost connection; saying so is all that is needed.

In the same way one message of a shape that Celery does not expect ends the worker, which gives it back to
the queue on its way out, where the next worker meets it. docs/decisions/0004-celery-version.md has more.
"""

from typing import Any

import structlog
from celery.app import amqp
from kombu import Connection as KombuConnection
from kombu.transport import redis
from redis.exceptions import ConnectionError as RedisConnectionError

log = structlog.get_logger()

#: Seconds between two tries to reach a Redis that is away, however long that takes; kombu goes up to 30.
RECONNECT_EVERY = 2
#: What kombu meets in an item of the list that is not an envelope.
_NO_ENVELOPE = (ValueError, TypeError, LookupError, AttributeError, RecursionError)


class Channel(redis.Channel):
    """A Channel that knows when its connection has been collected, and refuses what nobody can read."""

    def _connparams(self, asynchronous: bool = False) -> Any:  # noqa: FBT001, FBT002 - kombu's signature
        if self.connection.client is None:
            raise RedisConnectionError("the connection was closed")
        return super()._connparams(asynchronous)  # type: ignore[misc] # celery-types leaves it out

    def basic_consume(
        self,
        queue: str,
        no_ack: bool,  # noqa: FBT001 - kombu's signature
        callback: Any,
        consumer_tag: Any,
        **kwargs: Any,
    ) -> Any:
        """Consume; a message of a queue that Celery would stumble over is done with, not given back."""
        # For kombu a KeyError is a lost connection; in here it is a header that is missing.
        lost = tuple({*self.connection.connection_errors, *self.connection.channel_errors} - {KeyError})

        def careful(message: Any) -> Any:
            try:
                _check(message.payload)
                return callback(message)
            except lost:
                raise
            except Exception as error:  # noqa: BLE001 - whatever it is, the next one who reads it would meet it too
                _refuse(queue, error)
                return None if message.acknowledged else message.reject()

        # Without acknowledgements come remote control's broadcasts, which are not jobs.
        chosen = callback if no_ack else careful
        return super().basic_consume(queue, no_ack, chosen, consumer_tag, **kwargs)

    def _brpop_read(self, **options: Any) -> Any:
        try:
            return super()._brpop_read(**options)  # type: ignore[misc] # celery-types leaves it out
        except _NO_ENVELOPE as error:
            _refuse("", error)  # and it is off the list already
            return True


class Transport(redis.Transport):
    """kombu's Redis transport with that Channel."""

    Channel = Channel


class Connection(KombuConnection):
    """A Connection that looks for its Redis every few seconds, also after an hour."""

    def ensure_connection(self, *args: Any, **kwargs: Any) -> Any:
        """Try until it is there."""
        steady = {
            "interval_start": RECONNECT_EVERY,
            "interval_step": 0,
            "interval_max": RECONNECT_EVERY,
        }
        return super().ensure_connection(*args, **{**steady, **kwargs})


class AMQP(amqp.AMQP):
    """What the app makes its connections of."""

    Connection = Connection


def _check(payload: object) -> None:
    """Raise unless this is [args, kwargs, what follows]: Celery unpacks it where nobody sees that fail."""
    match payload:
        case [list(), dict(), dict() as follows] if not any(follows.values()):
            return
    raise ValueError("not the arguments of a job and nothing else")


def _refuse(queue: str, error: Exception) -> None:
    log.warning("message_refused", queue=queue, error=f"{type(error).__name__}: {error}"[:300])
