"""The short run: as many faults as a build has time for, on both databases, with fixed seeds."""

from pathlib import Path

import pytest

from tests.chaos.promises import judge
from tests.chaos.report import happened, table
from tests.chaos.run import Options, run
from tests.chaos.schedule import schedule

FAULTS = 48


@pytest.mark.timeout(400)
@pytest.mark.parametrize(("database", "seed"), [("sqlite", 1), ("postgres", 2)])
def test_every_promise_is_kept(database: str, seed: int, tmp_path: Path) -> None:
    """Whatever dies, hangs or comes twice: once, whole, to the end, and nothing left."""
    options = Options(seed=seed, faults=FAULTS, database=database, lease=4.0, pace=0.8)

    evidence = run(options, tmp_path / "plant")

    done = [played for played in evidence.played if not played.note]
    promises = judge(evidence)
    assert all(promise.kept for promise in promises), f"{happened(evidence)}\n{table(promises)}"
    assert len(done) >= 44
    assert len(evidence.accepted) > 10  # some thirty; fewer where the machine has other things to do
    assert all(
        any(word in played.fault.target for played in done)
        for word in ("worker", "control", "web", "redis", "database", "load")
    )


def test_a_seed_replays() -> None:
    """The same seed gives the same schedule, another one another."""
    once, again, other = (schedule(seed, 100, lease=4, pace=1) for seed in (7, 7, 8))

    assert once == again
    assert once != other
