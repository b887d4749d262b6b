"""Wait for a condition, with a bound; tests sleep in no other way."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_until(
    condition: Callable[[], T], timeout: float = 10, *, interval: float = 0.02, message: str = ""
) -> T:
    """Return the first true value of `condition`; fail when there was none in `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            what = message or getattr(condition, "__name__", repr(condition))
            raise AssertionError(f"not within {timeout} s: {what} (last value {value!r})")
        time.sleep(interval)


def pass_by(seconds: float) -> None:
    """Let that much time go by on the clock that counts: where time itself is what is tested."""
    until = time.monotonic() + seconds
    wait_until(lambda: time.monotonic() > until, seconds + 5)
