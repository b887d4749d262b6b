"""Leases are judged by the counter and the observer's own clock."""

from app.domain.lease import LeaseWatch


def test_a_lease_runs_out_when_its_counter_stands_still() -> None:
    """Unchanged for longer than a lease: expired; renewed in between: not."""
    watch = LeaseWatch(30)
    assert watch.observe([("a", 1, 5), ("b", 1, 5)], now=0) == []
    assert watch.observe([("a", 1, 5), ("b", 1, 6)], now=20) == []
    assert watch.observe([("a", 1, 5), ("b", 1, 6)], now=31) == [("a", 1, 5)]


def test_a_new_attempt_has_a_whole_lease() -> None:
    """The same counter under another Attempt number is something new."""
    watch = LeaseWatch(30)
    watch.observe([("a", 1, 5)], now=0)
    assert watch.observe([("a", 2, 5)], now=31) == []
    assert watch.observe([("a", 2, 5)], now=62) == [("a", 2, 5)]


def test_after_an_outage_everyone_waits_one_lease() -> None:
    """What was forgotten, or not seen for a while, is judged afresh."""
    watch = LeaseWatch(30)
    watch.observe([("a", 1, 5)], now=0)
    watch.forget()
    assert watch.observe([("a", 1, 5)], now=1000) == []
    assert watch.observe([], now=1001) == []
    assert watch.observe([("a", 1, 5)], now=2000) == []
