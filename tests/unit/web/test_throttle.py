"""The throttle: how often an address may be wrong."""

from app.security.throttle import REMEMBERED, Throttle


class Clock:
    """A clock that stands still until it is moved."""

    now = 100.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


def test_the_limit_is_reached_by_wrongs_of_one_address_only() -> None:
    """Others are not made to wait for what one did."""
    throttle = Throttle(2, 60, clock=Clock())

    for _ in range(2):
        assert throttle.wait("a") is None
        throttle.count("a")

    assert throttle.wait("a") == 60
    assert throttle.wait("b") is None


def test_a_wrong_is_forgotten_after_its_time() -> None:
    """The wait ends when the oldest wrong is old enough."""
    clock = Clock()
    throttle = Throttle(2, 60, clock=clock)
    throttle.count("a")
    clock.now += 20
    throttle.count("a")

    assert throttle.wait("a") == 40
    clock.now += 40
    assert throttle.wait("a") is None


def test_memory_is_bounded() -> None:
    """An attacker with many addresses does not fill the process."""
    throttle = Throttle(1, 60, clock=Clock())

    for number in range(REMEMBERED + 10):
        throttle.count(str(number))

    assert throttle.wait("0") is None
    assert throttle.wait(str(REMEMBERED + 9)) is not None
