"""The Machine model: what a worker host says of itself."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from app.domain.machine import FoundCli, Machine, MachineConfig, Role

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def machine(**given: Any) -> Machine:
    """Make a Machine that was seen at noon."""
    values = {"id": "m1", "name": "host", "capacity": 4, "started_at": NOON, "seen_at": NOON}
    return Machine.model_validate({**values, **given})


def test_it_lives_while_it_is_heard_of() -> None:
    """Silence for longer than asked means gone, and so does a goodbye."""
    assert machine().alive(NOON + timedelta(seconds=30))
    assert not machine().alive(NOON + timedelta(seconds=31))
    assert machine().alive(NOON + timedelta(seconds=31), within=timedelta(minutes=1))
    assert not machine(stopped_at=NOON).alive(NOON)


def test_free_slots_are_never_negative() -> None:
    """After a restart with a lower capacity more may run than fit."""
    assert machine(running=1).free == 3
    assert machine(running=6).free == 0


def test_a_cli_is_usable_when_found_without_a_problem() -> None:
    """A path alone is not enough."""
    assert FoundCli(path="/usr/bin/claude", version="2.1.330").usable
    assert not FoundCli(path="/usr/bin/claude", problem="not signed in").usable
    assert not FoundCli(problem="not found").usable


def test_it_comes_back_from_json_as_it_was() -> None:
    """A row or a message keeps all of it."""
    before = machine(role="control", clis={"claude": FoundCli(path="/bin/claude")}, version="1", running=2)

    assert Machine.model_validate_json(before.model_dump_json()) == before
    assert before.role is Role.CONTROL


@pytest.mark.parametrize(
    "given",
    [
        {"capacity": -1},
        {"running": -1},
        {"role": "boss"},
        {"name": ""},
        {"name": "two\nlines"},
        {"name": "x" * 256},
        {"id": ""},
        {"clis": {"": {}}},
        {"seen_at": NOON.replace(tzinfo=None)},
        {"load": 1},
    ],
    ids=str,
)
def test_nonsense_is_refused(given: dict[str, object]) -> None:
    """A host that reports nonsense is not stored."""
    with pytest.raises(ValidationError):
        machine(**given)


def test_a_config_is_what_is_known_before_the_first_heartbeat() -> None:
    """It needs an id, a name and a capacity; a worker is what it is by default."""
    config = MachineConfig(id="m1", name="host", capacity=2)

    assert (config.role, config.clis) == (Role.WORKER, {})
