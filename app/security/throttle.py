"""Counts what an address did wrong lately, in this process, and says how long it has to wait."""

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable

#: Addresses remembered; the one heard of longest ago goes first.
REMEMBERED = 10_000


class Throttle:
    """Allows `limit` wrongs in any `seconds`, per address."""

    def __init__(self, limit: int, seconds: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.limit, self.seconds = limit, seconds
        self._clock = clock
        self._wrongs: OrderedDict[str, deque[float]] = OrderedDict()
        self._lock = threading.Lock()

    def wait(self, address: str) -> float | None:
        """Return the seconds until `address` may try again; None where it may now."""
        with self._lock:
            wrongs = self._recent(address)
            return None if len(wrongs) < self.limit else wrongs[0] + self.seconds - self._clock()

    def count(self, address: str) -> None:
        """Remember that `address` was wrong once more."""
        with self._lock:
            wrongs = self._recent(address)
            wrongs.append(self._clock())
            self._wrongs[address] = wrongs
            self._wrongs.move_to_end(address)
            if len(self._wrongs) > REMEMBERED:
                self._wrongs.popitem(last=False)

    def _recent(self, address: str) -> deque[float]:
        wrongs = self._wrongs.get(address, deque(maxlen=self.limit))
        while wrongs and wrongs[0] <= self._clock() - self.seconds:
            wrongs.popleft()
        return wrongs
