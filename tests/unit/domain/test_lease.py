"""Leases are judged by the counter and the observer's own clock."""

from app.domain.lease import LeaseWatch


def test_a_lease_runs_out_when_its_counter_stands_still() -> None:
    """Unchanged for longer than a lease: expired; renewed in between: not."""
    watch = LeaseWatch(30)
    assert watch.observe([("a", 1, 5), ("b", 1, 5)], now=0) == []
    assert watch.observe([("a", 1, 5), ("b", 1, 6)], now=14) == []
    assert watch.observe([("a", 1, 5), ("b", 1, 6)], now=28) == []
    assert watch.observe([("a", 1, 5), ("b", 1, 6)], now=31) == [("a", 1, 5)]


def test_a_new_attempt_has_a_whole_lease() -> None:
    """The same counter under another Attempt number is something new."""
    watch = LeaseWatch(30)
    for now in range(0, 31, 5):
        assert watch.observe([("a", 1, 5)], now=now) == []
    for now in range(35, 66, 5):
        assert watch.observe([("a", 2, 5)], now=now) == []
    assert watch.observe([("a", 2, 5)], now=66) == [("a", 2, 5)]


def test_an_observer_that_stood_still_takes_nothing() -> None:
    """Who held the Lease may have stood still with it; from then on it is judged as ever."""
    watch = LeaseWatch(30)
    watch.observe([("a", 1, 5), ("b", 1, 5)], now=0)
    for now in range(3600, 3631, 5):
        assert watch.observe([("a", 1, 5), ("b", 1, now)], now=now) == []
    assert watch.observe([("a", 1, 5), ("b", 1, 0)], now=3635) == [("a", 1, 5)]


def test_one_may_be_forgotten() -> None:
    """It gets a whole Lease again, the others don't."""
    watch = LeaseWatch(30)
    for now in range(0, 30, 10):
        watch.observe([("a", 1, 5), ("b", 1, 5)], now=now)
    watch.forget("a")
    assert watch.observe([("a", 1, 5), ("b", 1, 5)], now=31) == [("b", 1, 5)]


def test_after_an_outage_everyone_waits_one_lease() -> None:
    """What was forgotten, or not seen for a while, is judged afresh."""
    watch = LeaseWatch(30)
    watch.observe([("a", 1, 5)], now=0)
    watch.forget()
    assert watch.observe([("a", 1, 5)], now=1000) == []
    assert watch.observe([], now=1001) == []
    assert watch.observe([("a", 1, 5)], now=2000) == []
