"""Numbers for people."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.cli.doctor.machine import judge_room
from app.cli.wording import age, dollars, duration, tokens

_NOW = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(None, ""), (0.04, "0.0 s"), (59.94, "59.9 s"), (125, "2 min 5 s"), (3725, "1 h 2 min")],
)
def test_durations_have_two_units_at_most(seconds: float | None, said: str) -> None:
    """Seconds, minutes, hours."""
    assert duration(seconds) == said


@pytest.mark.parametrize(
    ("since", "said"),
    [("12:00:01", "0 s"), ("11:59:50", "10 s"), ("11:58:00", "2 min"), ("09:00:00", "3 h")],
)
def test_an_age_has_one_unit_and_is_never_negative(since: str, said: str) -> None:
    """Clocks differ."""
    assert age(f"2026-01-02T{since}.000000Z", _NOW) == said


def test_small_sums_keep_their_digits() -> None:
    """A hundredth of a cent is something."""
    assert [dollars(0), dollars(0.0123), dollars(12.345)] == ["$0.00", "$0.0123", "$12.35"]


def test_no_tokens_are_not_mentioned() -> None:
    """A CLI may count none."""
    assert tokens({"input": 0, "output": 0}) == ""
    assert tokens({"input": 1200, "output": 3}) == "1,200 tokens in, 3 out"


def test_a_disk_with_no_room_for_a_few_outputs_is_too_full() -> None:
    """The limit of one output is the measure."""
    assert judge_room(4000, 1000, Path("/x")).level == "ok"
    assert judge_room(3999, 1000, Path("/x")).level == "wrong"
