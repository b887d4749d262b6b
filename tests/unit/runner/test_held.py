"""A Lease as the worker that holds it sees it: what freezes, what starts, what is too late."""

import time

import pytest

from app.domain.task import TaskId
from app.errors import LeaseLost
from app.runner.held import Held, Stop

TASK = TaskId("0b6f2c1e-0000-4000-8000-000000000000")
PATIENCE = 20.0


class Tree:
    """Writes down what is asked of it."""

    def __init__(self) -> None:
        self.until: list[float] = []
        self.killed = False

    def wake(self) -> None:
        """Nobody reads."""

    def renew(self, until: float) -> None:
        """Take the new end."""
        self.until.append(until)

    def kill(self) -> None:
        """End."""
        self.killed = True


def held(*, claimed: float = 0) -> Held:
    """Return an Attempt whose claim was asked for so many seconds ago."""
    return Held(TASK, 1, asked=time.monotonic() - claimed, patience=PATIENCE)


def test_a_lease_counts_from_before_it_was_asked_for() -> None:
    """The observers' clock may have begun the moment after; ours never begins later."""
    mine, tree = held(), Tree()
    asked = time.monotonic() - 3

    with mine.running(tree):
        mine.renewed(asked)

    assert tree.until[-1] == asked + PATIENCE


def test_a_renewal_that_took_longer_than_the_lease_renews_nothing() -> None:
    """Its row was raised long ago: others may have seen it, and seen it run out."""
    mine, tree = held(claimed=PATIENCE + 1), Tree()

    with mine.running(tree):
        mine.renewed(time.monotonic() - PATIENCE - 0.5)
        assert len(tree.until) == 1

    assert mine.frozen


def test_a_tree_that_comes_too_late_is_refused() -> None:
    """The Task was taken between the start of its CLI and the moment one could reach it."""
    mine = held()
    mine.ask(Stop.LOST)

    with pytest.raises(LeaseLost), mine.running(Tree()):
        pytest.fail("it ran")


def test_nothing_starts_under_a_lease_that_was_taken() -> None:
    """Who stood still after the claim waits for a renewal, and learns that there is none to come."""
    mine = held(claimed=PATIENCE + 1)
    mine.ask(Stop.LOST)

    with pytest.raises(LeaseLost):
        mine.await_lease()


def test_a_lease_that_is_good_again_lets_the_cli_start() -> None:
    """A pause that was short enough costs nothing but time."""
    mine = held(claimed=PATIENCE + 1)
    asked = time.monotonic()
    mine.renewed(asked)

    assert mine.await_lease() == asked + PATIENCE
    assert mine.frozen_for > 0


def test_a_cancel_weighs_more_than_a_shutdown_and_less_than_a_lost_lease() -> None:
    """In whatever order they come."""
    for asked in ([Stop.INTERRUPTED, Stop.CANCELLED], [Stop.CANCELLED, Stop.INTERRUPTED]):
        mine = held()
        for stop in asked:
            mine.ask(stop)
        assert (mine.stop, mine.closing) == (Stop.CANCELLED, True)
        mine.ask(Stop.LOST)
        mine.ask(Stop.CANCELLED)
        assert mine.stop is Stop.LOST
