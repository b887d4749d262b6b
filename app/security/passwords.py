"""Passwords: scrypt, a few at a time, and as slow for a user who does not exist as for one who does."""

import sys
import threading
from collections.abc import Callable
from functools import cache
from typing import TypeVar

from werkzeug.security import check_password_hash, generate_password_hash

from app.errors import Invalid

SHORTEST, LONGEST = 10, 1024

T = TypeVar("T")

#: Each takes 32 MB and a tenth of a second: a crowd of guesses has to queue.
_AT_ONCE = threading.BoundedSemaphore(2)


def stored(password: str) -> str:
    """Return how `password` is stored; raises Invalid for one that is too short or too long."""
    if not SHORTEST <= len(password) <= LONGEST:
        sentence = f"A password has {SHORTEST} to {LONGEST} characters; this one has {len(password)}."
        raise Invalid(sentence, reason="password")
    return _slowly(lambda: generate_password_hash(password))


def is_right(password: str, kept: str | None) -> bool:
    """Whether `password` is the one stored as `kept`; None (nobody, or nothing set) takes as long."""
    if len(password) > LONGEST:
        return False
    right = _slowly(lambda: check_password_hash(kept or _nobodys(), password))
    return right and kept is not None


@cache
def _nobodys() -> str:
    return generate_password_hash("nobody's")


def _slowly(work: Callable[[], T]) -> T:
    """Do it off gevent's loop, which would stand still meanwhile, with all viewers."""
    with _AT_ONCE:
        monkey = sys.modules.get("gevent.monkey")
        if monkey is None or not monkey.is_module_patched("socket"):
            return work()
        import gevent  # noqa: PLC0415 - only a patched process may load it

        return gevent.get_hub().threadpool.apply(work)
