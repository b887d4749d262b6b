"""The breaker: who may try a server that failed."""

from app.web.breaker import Breaker


class Clock:
    """A clock that stands still until it is moved."""

    now = 100.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


def test_everybody_may_try_what_works() -> None:
    """Nothing is held back before a failure or after a success."""
    breaker = Breaker(2, clock=Clock())

    assert breaker.allows()
    breaker.failed()
    breaker.worked()
    assert all(breaker.allows() for _ in range(3))


def test_after_a_failure_nobody_tries_for_a_while_then_one_does() -> None:
    """The pause costs nobody anything, and only one request finds out whether it is over."""
    clock = Clock()
    breaker = Breaker(2, clock=clock)
    breaker.failed()

    assert not breaker.allows()
    clock.now += 2.1
    assert [breaker.allows() for _ in range(3)] == [True, False, False]


def test_only_the_first_failure_is_news() -> None:
    """A Redis that stays away is one line in the log, not one each two seconds."""
    breaker = Breaker(2, clock=Clock())

    assert [breaker.failed(), breaker.failed()] == [True, False]
    breaker.worked()
    assert breaker.failed()
