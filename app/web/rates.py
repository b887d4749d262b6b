"""How often what may be done: counted in Redis for all web processes, and in this one while Redis is away.

`limits` rather than Flask-Limiter: what counts here is who was wrong, or who a request turned out to be from,
and that is known in the middle of a view, not by the address of a route.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import structlog
from limits import RateLimitItem, RateLimitItemPerHour, RateLimitItemPerMinute
from limits.storage import MemoryStorage, RedisStorage
from limits.strategies import FixedWindowRateLimiter
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from app.errors import TooMany
from app.security.tokens import digest
from app.web.breaker import Breaker
from app.web.queue import PATIENCE

log = structlog.get_logger()

EXTENSION = "errand.rates"

T = TypeVar("T")


@dataclass(frozen=True)
class Rate:
    """So many of something in a time."""

    name: str
    item: RateLimitItem
    #: What there is too much of, and whose; the sentence goes on with how many are taken.
    too_many: str
    reason: str = "too_many_requests"


def _per_minute(count: int, name: str, too_many: str, reason: str = "too_many_requests") -> Rate:
    return Rate(name, RateLimitItemPerMinute(count), too_many, reason)


#: The sixth wrong sign-in in a minute has to wait, and so does the right one after it.
SIGN_IN = _per_minute(5, "sign-in", "wrong sign-ins from this address", "too_many_wrong_tokens")
#: From many addresses. Generous, for a stranger may keep somebody out by it; tokens are not counted.
SIGN_IN_LOGIN = Rate(
    "login", RateLimitItemPerMinute(20, 10), "wrong passwords for this login", "too_many_wrong_tokens"
)
#: Guessing a token is hopeless; this only keeps a loop of guesses from filling the log.
BEARERS = _per_minute(60, "bearer", "wrong tokens from this address", "too_many_wrong_tokens")
WEBHOOKS = _per_minute(600, "webhook", "webhooks from this address")
CREATE = _per_minute(60, "create", "new tasks of this user")
#: Entries of refusals: who asks for what they may not in a loop fills no table.
REFUSALS = _per_minute(60, "refusal", "refusals of this user")


def per_hour(count: int) -> Rate:
    """Return the Rate of new Tasks that ERRAND_TASKS_PER_HOUR sets."""
    return Rate("hour", RateLimitItemPerHour(count), "new tasks of this user (ERRAND_TASKS_PER_HOUR)")


class Rates:
    """Counts; a Redis that is away or hangs costs one request in two seconds a wait, and opens no door."""

    def __init__(self, redis_url: str) -> None:
        self._breaker = Breaker()
        self._own = FixedWindowRateLimiter(MemoryStorage())
        options = {"socket_timeout": PATIENCE, "socket_connect_timeout": PATIENCE}
        storage = RedisStorage(redis_url, key_prefix="errand-rates", retry=Retry(NoBackoff(), 0), **options)  # type: ignore[arg-type]
        self._redis = storage
        self._shared = FixedWindowRateLimiter(storage)

    def take(self, rate: Rate, key: str) -> None:
        """Count one more for `key`; raises TooMany where that is one too many."""
        if not self.allows(rate, key):
            raise self._refusal(rate, key)

    def allows(self, rate: Rate, key: str) -> bool:
        """Count one more for `key`; return whether that is still allowed."""
        return self._ask(lambda limiter: limiter.hit(rate.item, rate.name, digest(key)))

    def check(self, rate: Rate, key: str) -> None:
        """Raise TooMany where one more would be too many; counts nothing."""
        if not self._ask(lambda limiter: limiter.test(rate.item, rate.name, digest(key))):
            raise self._refusal(rate, key)

    def give_back(self, rate: Rate, key: str) -> None:
        """Undo a `take`: it turned out not to count."""
        name, expiry = rate.item.key_for(rate.name, digest(key)), rate.item.get_expiry()
        self._ask(lambda limiter: limiter.storage.incr(name, expiry, amount=-1))

    def close(self) -> None:
        """Give the connections back."""
        self._redis.storage.close()

    def _refusal(self, rate: Rate, key: str) -> TooMany:
        stats = self._ask(lambda limiter: limiter.get_window_stats(rate.item, rate.name, digest(key)))
        wait = max(1.0, stats.reset_time - time.time())
        amount, spell = rate.item.amount, _spell(rate.item.get_expiry())
        sentence = f"Too many {rate.too_many}: at most {amount} in {spell}. Try again in {wait:.0f} s."
        return TooMany(sentence, reason=rate.reason, retry_after=wait)

    def _ask(self, question: Callable[[FixedWindowRateLimiter], T]) -> T:
        if self._breaker.allows():
            try:
                found = question(self._shared)
            except (RedisError, OSError) as error:
                if self._breaker.failed():
                    log.warning("rates_without_redis", error=str(error))
            else:
                self._breaker.worked()
                return found
        return question(self._own)


def _spell(seconds: int) -> str:
    return {60: "a minute", 3600: "an hour"}.get(seconds, f"{seconds // 60} minutes")
