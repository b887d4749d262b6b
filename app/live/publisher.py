"""The Publisher: tells all web processes, after the commit, what was committed. An echo: it may be lost."""

import threading
import time

import redis
import structlog
from redis.backoff import NoBackoff
from redis.retry import Retry

from app.domain.task import Task
from app.live.channel import TASKS, Notice, session_channel

log = structlog.get_logger()

#: Larger payloads are not published: in a flood Viewers read the rows, each at its own speed, rather than
#: Redis cutting off the Hub at 32 MB. Smaller ones cost ten Viewers an eighth of the CPU of reading rows.
PAYLOAD_LIMIT = 256 * 1024
#: Seconds Redis may take to accept a connection, and to answer.
_TIMEOUT = 0.4
#: Seconds without another try after a failure.
_REST = 2.0


class Publisher:
    """Publishes Notices from any thread; never raises and never takes longer than a moment."""

    def __init__(self, redis_url: str) -> None:
        self._redis = redis.Redis.from_url(
            redis_url,
            protocol=2,
            socket_connect_timeout=_TIMEOUT,
            socket_timeout=_TIMEOUT,
            retry=Retry(NoBackoff(), 0),
        )
        self._lock = threading.Lock()
        self._failing = False
        self._again_at = 0.0

    def publish_events(self, task: Task, payload: bytes, first_seq: int, last_seq: int) -> None:
        """Tell that Events first_seq..last_seq of `task` are stored; `payload` is their JSON array."""
        small = payload if len(payload) <= PAYLOAD_LIMIT else b""
        notice = Notice(task.id, task.session_id, last_seq, first_seq, small)
        self._publish(notice, session_channel(task.session_id))

    def publish_task(self, task: Task) -> None:
        """Tell that the row of `task` changed."""
        notice = Notice(task.id, task.session_id, task.last_seq)
        self._publish(notice, session_channel(task.session_id), TASKS)

    def close(self) -> None:
        """Give the connections back."""
        self._redis.close()

    def _publish(self, notice: Notice, *channels: str) -> None:
        if not self._may_try():
            return
        try:
            with self._redis.pipeline(transaction=False) as pipeline:
                for channel in channels:
                    pipeline.publish(channel, notice.encode())
                pipeline.execute()
        except Exception as error:  # noqa: BLE001 - whatever it is, the rows are safe and the caller has better to do
            self._failed(error)
        else:
            self._failing = False

    def _may_try(self) -> bool:
        """Whether to bother Redis: while it fails, one caller tries now and then and all others go on."""
        with self._lock:
            if self._failing:
                if time.monotonic() < self._again_at:
                    return False
                self._again_at = time.monotonic() + _REST
            return True

    def _failed(self, error: Exception) -> None:
        with self._lock:
            known, self._failing = self._failing, True
            self._again_at = time.monotonic() + _REST
        if not known:
            log.warning("notice_not_published", error=str(error))
