"""A plant that runs, somebody who asks, and the questions all drills put to it."""

import argparse
import shutil
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from app.db.rows import attempts, tasks
from tests.chaos.evidence import Told, read_task
from tests.chaos.load import Accepted, Load
from tests.chaos.plans import Plan
from tests.chaos.plant import Plant
from tests.chaos.promises import Promise
from tests.chaos.recordings import trees
from tests.waiting import wait_until

SHORT = Plan(
    number=0,
    bursts=(1,),
    pause=0.0,
    forks=(),
    deaf=False,
    daemon_at_end=False,
    linger=0.0,
    exit=0,
)
FINAL = ("completed", "failed", "cancelled")


@dataclass(frozen=True)
class Drill:
    """A plant that runs, and somebody who asks."""

    plant: Plant
    load: Load
    given: argparse.Namespace

    def ask(self, count: int, plan: Plan) -> list[Accepted]:
        """Ask for so many Tasks of this plan, several at once."""
        first = len(self.load.accepted)
        plans = [replace(plan, number=first + number) for number in range(count)]
        with ThreadPoolExecutor(8) as crowd:
            return list(crowd.map(self.load.ask, plans))

    def started(self, count: int) -> None:
        """Wait until so many CLIs have begun."""
        wait_until(lambda: self.starts() >= count, 60, interval=0.1, message=f"{count} CLIs run")

    def starts(self) -> int:
        """Return how many CLIs have ever begun."""
        return sum(path.name.endswith("_main") for path in self.plant.records.iterdir())

    def settle(self, patience: float) -> None:
        """Wait until all is final."""
        query = select(func.count()).where(tasks.c.state.not_in(FINAL))
        unfinished: Callable[[], int] = lambda: self.plant.db.read(lambda c: c.execute(query).scalar_one())  # noqa: E731
        wait_until(lambda: unfinished() == 0, patience, interval=0.5, message="all is final")

    def told(self, asked: list[Accepted]) -> list[Told]:
        """Read these Tasks over REST."""
        with self.plant.client(timeout=60) as client:
            return [read_task(client, accepted.task_id) for accepted in asked]

    def against(self) -> Iterator[str]:
        """Yield what speaks against "each ran once and came to its end", from the recordings and the rows."""
        for task_id, found in trees(self.plant.records).items():
            if len(found) > 1:
                yield f"{task_id}: {len(found)} starts"
        query = select(attempts.c.task_id, attempts.c.number, attempts.c.state)
        rows = self.plant.db.read(lambda c: c.execute(query.where(attempts.c.state != "succeeded")).all())
        yield from (f"{row.task_id}: attempt {row.number} {row.state}" for row in rows)
        missing = len(self.load.accepted) - self.starts()
        if missing:
            yield f"{missing} never started"
        yield from (
            f"{service.name} ended with {ended.code}"
            for service in self.plant.services.values()
            for ended in service.exits
            if ended.asked is None or ended.code
        )


def judged(name: str, drill: Drill, limit: str) -> Promise:
    """Judge "each ran once and came to its end"."""
    against = list(drill.against())
    return Promise(name, str(len(against)), limit, against)


@contextmanager
def running(given: argparse.Namespace, needs: dict[str, Any]) -> Iterator[Drill]:
    """Start a plant for one drill; what it kept is deleted afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="errand-drill-"))
    plant = Plant(folder, **{"database": given.database, "lease": given.lease, **needs})
    load = Load(plant, seed=0, want=0)
    try:
        plant.start()
        yield Drill(plant, load, given)
    finally:
        plant.stop()
        plant.remove()
    shutil.rmtree(folder, ignore_errors=True)
