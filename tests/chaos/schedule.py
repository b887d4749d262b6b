"""Which fault happens when: drawn from the seed before anything runs, so that a seed replays."""

from dataclasses import dataclass
from random import Random

from app.db.machines import ALIVE_WITHIN

#: Seconds that a fault keeps its target from the next one, beyond what it takes itself: a process that is
#: killed again before it did anything shows nothing.
_REST = {"worker": 4.5, "control": 5.0, "web": 4.0, "redis": 2.0, "database": 2.5, "load": 0.3}

#: Weight of each fault of a target. {seconds} below says how long the target is away or stands still.
_FAULTS: dict[str, dict[str, int]] = {
    "worker": {
        "kill": 6,
        "term": 3,
        "term twice": 1,
        "quit": 1,
        "stop": 3,
        "kill supervisor": 3,
        "stop supervisor": 1,
        "kill cli": 2,
        "term cli": 1,
        "stop cli": 1,
    },
    "control": {"kill": 3, "term": 1, "stop": 2, "away": 1},
    "web": {"kill": 2, "kill one": 2, "term": 1, "stop": 2},
    "redis": {"restart": 2, "away": 2, "flush": 2, "cut": 2, "pause": 2, "full": 1, "read only": 1},
    "database": {"away": 2, "pause": 3, "cut": 2, "read only": 1},
    "load": {"duplicates": 4, "cancels": 3, "retries": 2, "drop viewers": 3},
}
#: Where a fault of a worker may wait for one of its runs to be.
_POINTS = ("claimed", "started", "result")
_AT_POINTS = {"kill", "stop", "term"}
#: How often a target is chosen where all are free.
_TARGETS = {"worker-1": 9, "worker-2": 9, "control": 2, "web": 2, "redis": 3, "database": 3, "load": 5}


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong."""

    number: int
    #: Seconds after the beginning.
    at: float
    target: str
    kind: str
    #: How long the target is away or stands still.
    seconds: float
    #: Chooses among what there is when it happens: 0 the first, almost 1 the last.
    share: float
    #: Wait until a run of the worker is there.
    point: str | None = None

    def __str__(self) -> str:
        place = f" at {self.point}" if self.point else ""
        return f"#{self.number} {self.at:.1f} s: {self.target}: {self.kind} ({self.seconds:.1f} s){place}"


def schedule(seed: int, faults: int, *, lease: float, pace: float) -> list[Fault]:
    """Return so many faults, `pace` seconds apart on average, never two on one target at a time."""
    random = Random(f"{seed}/schedule")
    found: list[Fault] = []
    free = dict.fromkeys(_TARGETS, 0.0)
    at = 1.0
    while len(found) < faults:
        at += random.uniform(0.2, 1.8) * pace
        idle = [target for target in _TARGETS if free[target] <= at]
        if not idle:
            continue
        target = random.choices(idle, [_TARGETS[name] for name in idle])[0]
        fault = _fault(random, len(found) + 1, at, target, lease)
        free[target] = at + fault.seconds + _REST[target.partition("-")[0]]
        found.append(fault)
    return found


def _fault(random: Random, number: int, at: float, target: str, lease: float) -> Fault:
    kinds = _FAULTS[target.partition("-")[0]]
    kind = random.choices(list(kinds), list(kinds.values()))[0]
    # Drawn always, so that a change of one fault leaves the rest of the schedule alone.
    share, place, point = random.random(), random.random(), random.choice(_POINTS)
    at_point = target.startswith("worker") and kind in _AT_POINTS and place < 0.6
    return Fault(
        number, at, target, kind, _seconds(random, target, kind, lease), share, point if at_point else None
    )


def _seconds(random: Random, target: str, kind: str, lease: float) -> float:
    drawn = random.random()
    if kind == "stop" and target.startswith("worker"):
        return lease * 1.1 + 8 * drawn  # longer than the Lease and often a sweep: others take its Tasks
    if target == "database":
        return {"cut": 0.0, "pause": 0.3 + 1.5 * lease * drawn}.get(kind, 0.3 + 4 * drawn)
    if (target, kind) == ("control", "away"):
        return ALIVE_WITHIN + 5 + 10 * drawn  # long enough for the workers to stand in
    if kind in {"stop", "pause", "away", "stop cli", "stop supervisor", "full", "read only"}:
        return 0.3 + 4 * drawn
    if kind in {"kill", "term", "term twice", "quit"}:
        return 0.2 + 2 * drawn  # until the platform starts it again
    return 0.0
