"""A server that hangs is asked by one request in a while, not by every one."""

import threading
import time
from collections.abc import Callable


class Breaker:
    """Says whether to try a server; after a failure it says no for `pause` seconds, then lets one try."""

    def __init__(self, pause: float = 2.0, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._pause = pause
        self._clock = clock
        self._lock = threading.Lock()
        self._next_try: float | None = None

    def allows(self) -> bool:
        """Whether to try now; who was let through says `worked` or `failed` afterwards."""
        with self._lock:
            if self._next_try is None:
                return True
            if self._clock() < self._next_try:
                return False
            # The others wait for what this one finds.
            self._next_try = self._clock() + self._pause
            return True

    def worked(self) -> None:
        """The server answered."""
        with self._lock:
            self._next_try = None

    def failed(self) -> bool:
        """The server did not answer, or not in time; return whether that is news."""
        with self._lock:
            news = self._next_try is None
            self._next_try = self._clock() + self._pause
            return news
