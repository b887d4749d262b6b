"""Which level of the sandbox a Task needs, and which are tried."""

import pytest

from app.domain.sandbox import Level, Network, Wanted, candidates, lowest


@pytest.mark.parametrize(
    ("wanted", "network", "from_outside", "floor", "least"),
    [
        ("auto", "open", False, 2, 0),
        ("off", "open", False, 2, 0),
        ("required", "open", False, 0, 2),
        ("auto", "none", False, 0, 2),
        ("off", "none", False, 0, 2),
        ("auto", "proxy", False, 2, 0),
        ("auto", "open", True, 2, 2),
        ("off", "open", True, 2, 2),
        ("off", "open", True, 1, 1),
        ("auto", "open", True, 0, 0),
        ("required", "open", True, 0, 2),
    ],
)
def test_a_strangers_text_needs_the_floor(
    *, wanted: Wanted, network: Network, from_outside: bool, floor: int, least: int
) -> None:
    """An agent may ask for more than the floor, never for less; without a stranger the agent decides."""
    assert lowest(wanted, network, from_outside=from_outside, floor=Level(floor)) == least


def test_the_strongest_is_tried_first() -> None:
    """Only `off` asks for no more than it must."""
    assert candidates("auto", Level.LIMITS) == [Level.CAGE, Level.USER, Level.LIMITS]
    assert candidates("auto", Level.USER) == [Level.CAGE, Level.USER]
    assert candidates("required", Level.CAGE) == [Level.CAGE]
    assert candidates("off", Level.LIMITS) == [Level.LIMITS]


def test_a_level_is_called_by_its_number() -> None:
    """What the API shows."""
    assert [level.label for level in Level] == ["level-0", "level-1", "level-2"]
