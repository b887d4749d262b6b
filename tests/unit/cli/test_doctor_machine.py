"""What doctor says of this kind of machine, and of the room on it."""

from pathlib import Path

import pytest

from app.cli.doctor.machine import guarantees, judge_room


@pytest.mark.parametrize(("platform", "notes"), [("linux", 0), ("darwin", 1)])
def test_a_machine_that_cannot_keep_a_promise_says_so(platform: str, notes: int) -> None:
    """Without a subreaper a process may outlive its run: good to know, and nothing to mend."""
    found = list(guarantees(platform))
    assert [finding.level for finding in found] == ["note"] * notes


@pytest.mark.parametrize(("free", "level"), [(10, "wrong"), (1000, "ok")])
def test_room_is_judged_by_what_a_few_runs_may_print(free: int, level: str) -> None:
    """Too little is said before it is too late."""
    assert judge_room(free, 100, Path("/data")).level == level
