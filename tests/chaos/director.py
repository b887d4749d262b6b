"""Plays a schedule: does each fault when its time or its point has come, and heals it when that is over."""

import heapq
import itertools
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.chaos.faults import Faults, Heal
from tests.chaos.plant import GRACE, Plant
from tests.chaos.points import Points
from tests.chaos.schedule import Fault
from tests.chaos.stores import Nothing

#: Seconds a fault waits for its point, or for something to do it to.
_PATIENCE = 3.0
#: Seconds a process that was asked to end may take before it is killed (and that is a finding).
_EXIT_PATIENCE = GRACE + 15.0


@dataclass
class Played:
    """What became of one fault."""

    fault: Fault
    #: On the monotonic clock.
    at: float
    #: Empty where it was done as planned.
    note: str = ""


@dataclass(order=True)
class _Due:
    at: float
    order: int
    heal: Callable[[], bool] = field(compare=False)


class Director:
    """Runs in the main thread, which starts every process."""

    def __init__(self, plant: Plant, faults: Faults) -> None:
        self.played: list[Played] = []
        self._plant = plant
        self._faults = faults
        self._points = Points(plant.records, plant.workers)
        self._heals: list[_Due] = []
        self._order = itertools.count()
        self._down: set[str] = set()
        self._pause = threading.Event()

    def play(self, schedule: list[Fault], *, say: Callable[[str], None] = lambda _: None) -> None:
        """Do all of it; returns when everything is healed."""
        began = time.monotonic()
        pending = deque(schedule)
        armed: list[tuple[Fault, float]] = []
        while pending or armed or self._heals:
            now = time.monotonic()
            while pending and began + pending[0].at <= now:
                armed.append((pending.popleft(), now + _PATIENCE))
            reached = self._points.new()
            for fault, deadline in list(armed):
                last = time.monotonic() > deadline
                if fault.point and not last and (fault.target, fault.point) not in reached:
                    continue
                if self._do(fault, last=last):
                    armed.remove((fault, deadline))
                    say(str(fault))
            self._heal()
            self._tend()
            self._pause.wait(0.004 if any(fault.point for fault, _ in armed) else 0.02)

    def _do(self, fault: Fault, *, last: bool) -> bool:
        """Return whether it was done, or given up."""
        try:
            heal = self._faults.do(fault)
        except Nothing as nothing:
            if last:
                self.played.append(Played(fault, time.monotonic(), f"missed: {nothing}"))
            return last
        self.played.append(Played(fault, time.monotonic()))
        if heal is None:
            return True
        if heal.restarts:
            self._down.add(fault.target)
        self._later(fault.seconds, lambda: self._healed(fault, heal))
        return True

    def _later(self, seconds: float, heal: Callable[[], bool]) -> None:
        heapq.heappush(self._heals, _Due(time.monotonic() + seconds, next(self._order), heal))

    def _heal(self) -> None:
        while self._heals and self._heals[0].at <= time.monotonic():
            due = heapq.heappop(self._heals)
            if not due.heal():
                self._later(0.1, due.heal)

    def _healed(self, fault: Fault, heal: Heal) -> bool:
        service = self._plant.services.get(fault.target)
        if heal.restarts and service is not None and service.running:
            if service.asked and not service.overdue(_EXIT_PATIENCE):
                return False
            if service.asked:
                service.kill()
        heal.action()
        if heal.restarts:
            self._down.discard(fault.target)
        return True

    def _tend(self) -> None:
        """What ended without being asked is started again at once; its exit is written down."""
        for name, service in self._plant.services.items():
            if name not in self._down and not service.running:
                service.start()
