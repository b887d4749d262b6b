"""What the load asks for: each conversation and each plan follows from the seed and its number alone."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from random import Random

_FORKS = ("child", "session", "daemon")


@dataclass(frozen=True)
class Plan:
    """What one CLI run does; it travels as JSON in the Task's message."""

    number: int
    #: Numbered lines printed before each pause.
    bursts: tuple[int, ...]
    pause: float
    forks: tuple[str, ...]
    #: Ignores SIGTERM.
    deaf: bool
    daemon_at_end: bool
    #: Seconds between the result and the exit.
    linger: float
    exit: int

    @property
    def lines(self) -> int:
        """How many numbered lines a run that comes to its end has printed."""
        return sum(self.bursts)

    @property
    def message(self) -> str:
        """Return the prompt."""
        return json.dumps(asdict(self))


def conversations(seed: int) -> Iterator[list[Plan]]:
    """Yield conversations without end: most of one Task, some of several."""
    number = 0
    while True:
        random = Random(f"{seed}/conversation/{number}")
        size = random.choices((1, 2, 4), (6, 3, 1))[0]
        yield [_plan(random, number + place) for place in range(size)]
        number += size


def _plan(random: Random, number: int) -> Plan:
    pauses = random.choice((2, 4, 8, 20, 40))
    bursts = [random.choice((1, 1, 2, 5)) for _ in range(pauses)]
    if random.random() < 0.15:
        bursts[random.randrange(pauses)] = 1500
    return Plan(
        number=number,
        bursts=tuple(bursts),
        pause=random.choice((0.05, 0.1, 0.15)),
        forks=tuple(random.choice(_FORKS) for _ in range(random.choice((0, 0, 1, 1, 3)))),
        deaf=random.random() < 0.25,
        daemon_at_end=random.random() < 0.15,
        linger=random.choice((0.0, 0.0, 0.1, 0.3)),
        exit=1 if random.random() < 0.06 else 0,
    )
