"""One Redis pub/sub connection, kept alive: it says what it hears, and when it may have missed something."""

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import redis
import structlog

log = structlog.get_logger()

#: Seconds of silence after which the server is asked whether it is there, and after as many more given up.
_SILENCE = 2.0
_BACKOFF = (0.0, 0.1, 0.2, 0.5, 1.0, 2.0)
_RESUMED = b"resumed"


class Subscription:
    """Listens in a thread of its own; `heard` and `resumed` are called from there.

    `resumed` is called when all wanted channels are subscribed again after a connection was made: what
    was published before has to be looked for in the rows.
    """

    def __init__(
        self, url: str, *, heard: Callable[[bytes, bytes], None], resumed: Callable[[], None]
    ) -> None:
        self._pool = redis.ConnectionPool.from_url(
            url, protocol=2, socket_connect_timeout=1.0, socket_timeout=_SILENCE
        )
        self._heard = heard
        self._resumed = resumed
        self._wanted: dict[str, threading.Event] = {}
        self._lock = threading.Lock()
        self._connection: Any = None
        self._stopping = threading.Event()
        self._failures = 0
        self._said = False
        #: Whether Redis answers, as far as known.
        self.up = False

    def start(self) -> None:
        """Connect, and again whenever the connection is lost, until `stop`."""
        threading.Thread(target=self._run, name="live-subscription", daemon=True).start()

    def stop(self) -> None:
        """Let go of the connection; the listening thread ends once the server has said goodbye."""
        self._stopping.set()
        with self._lock:
            self._say("QUIT")

    def want(self, channel: str) -> threading.Event:
        """Subscribe; the Event is set once Redis said so."""
        with self._lock:
            confirmed = self._wanted.get(channel)
            if confirmed is None:
                confirmed = self._wanted[channel] = threading.Event()
                self._say("SUBSCRIBE", channel)
            return confirmed

    def unwant(self, channel: str) -> None:
        """Unsubscribe."""
        with self._lock:
            if self._wanted.pop(channel, None) is not None:
                self._say("UNSUBSCRIBE", channel)

    @property
    def channels(self) -> frozenset[str]:
        """The channels that are wanted now."""
        return frozenset(self._wanted)

    def _run(self) -> None:
        while not self._stopping.wait(_BACKOFF[min(self._failures, len(_BACKOFF) - 1)]):
            try:
                self._listen()
            except (redis.RedisError, OSError, ValueError) as error:
                # gevent says ValueError where `stop` or a broken `_say` closed the socket below a read.
                self._lost(error)
            except Exception:
                log.exception("live_subscription_failed")
                self._lost(None)

    def _lost(self, error: Exception | None) -> None:
        if not self._stopping.is_set() and not self._said:
            self._said = True
            log.warning("live_redis_lost", error=str(error))
        self.up = False
        self._failures += 1
        self._disconnect()

    def _listen(self) -> None:
        connection: Any = self._pool.make_connection()
        connection.connect()
        with self._lock:
            self._connection = connection
            for confirmed in self._wanted.values():
                confirmed.clear()
            if self._wanted:
                self._say("SUBSCRIBE", *self._wanted)
            self._say("PING", _RESUMED)
        asked = False
        while not self._stopping.is_set():
            try:
                reply = connection.read_response(timeout=_SILENCE, disconnect_on_error=False)
            except redis.TimeoutError:
                if asked:
                    raise
                asked = True
                with self._lock:
                    self._say("PING", b"")
                continue
            asked = False
            self._take(reply)

    def _take(self, reply: Any) -> None:
        match reply:
            case [b"message", bytes(channel), bytes(data)]:
                self._heard(channel, data)
            case [b"subscribe", bytes(channel), _]:
                confirmed = self._wanted.get(channel.decode())
                if confirmed is not None:
                    confirmed.set()
            case [b"pong", b"resumed"] | b"resumed":
                if self._said:
                    log.info("live_redis_back")
                self.up, self._failures, self._said = True, 0, False
                self._resumed()

    def _say(self, *command: Any) -> None:
        """Send a command with the lock held; when the connection is broken the listener finds out."""
        connection = self._connection
        if connection is None:
            return
        with suppress(redis.RedisError, OSError):
            connection.send_packed_command(connection.pack_command(*command), check_health=False)

    def _disconnect(self) -> None:
        with self._lock:
            connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(redis.RedisError, OSError):
                connection.disconnect()
