"""What doctor says of the sandbox."""

from app.cli.doctor.agents import levels
from app.clock import utcnow
from app.domain.agent import Agent
from app.domain.machine import FoundCli, Machine
from app.domain.sandbox import Level


def test_each_cli_of_each_worker_has_its_level() -> None:
    """With the reason where it could be a higher one; what an admin lowered is named."""
    now = utcnow()
    clis = {
        "claude": FoundCli(path="/bin/claude", sandbox="level-2"),
        "demo": FoundCli(path="/bin/demo", sandbox="level-0", sandbox_note="bwrap is not installed"),
        "other": FoundCli(problem="not found"),
    }
    worker = Machine(id="w", name="w", capacity=1, clis=clis, started_at=now, seen_at=now)
    agents = {name: Agent(name=name, cli="claude", sandbox=name) for name in ("auto", "off", "required")}

    found = [(finding.level, finding.text) for finding in levels(agents, [worker], Level.USER)]

    assert found == [
        ("ok", "claude runs at level-2 on w."),
        ("note", "demo runs at level-0 on w: bwrap is not installed."),
        ("note", 'off says sandbox = "off": it runs at level-0.'),
        ("note", "ERRAND_SANDBOX_FLOOR is 1: tasks with text from outside may run without the cage."),
    ]
    assert list(levels({}, [], Level.CAGE)) == []
