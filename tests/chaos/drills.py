"""Single faults, measured once each: `python -m tests.chaos.drills [name ...] [--database postgres]`."""

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

import psutil
import redis
from sqlalchemy import func, or_, select

from app.clock import utcnow
from app.db.rows import attempts, tasks
from tests.chaos.evidence import Told, read_task
from tests.chaos.load import Accepted, Load
from tests.chaos.plans import Plan
from tests.chaos.plant import Plant
from tests.chaos.promises import Promise
from tests.chaos.recordings import trees
from tests.chaos.report import table
from tests.chaos.service import supervisors
from tests.waiting import wait_until

_SHORT = Plan(
    number=0,
    bursts=(1,),
    pause=0.0,
    forks=(),
    deaf=False,
    daemon_at_end=False,
    linger=0.0,
    exit=0,
)
_FINAL = ("completed", "failed", "cancelled")


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
        query = select(func.count()).where(tasks.c.state.not_in(_FINAL))
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


def bounces(drill: Drill) -> Promise:
    """Restart Redis again and again below Tasks that run."""
    random, count = Random(1), int(drill.given.bounces)
    drill.ask(4, replace(_SHORT, bursts=(1,) * 40, pause=0.2))
    for _ in range(count):
        drill.plant.redis.stop()
        time.sleep(random.choice((0.0, 0.05, 0.3, 1.0)))
        drill.plant.redis.start()
        drill.ask(1, replace(_SHORT, bursts=(1,) * 20, pause=0.1))
        time.sleep(random.uniform(0.2, 1.5))
        for service in drill.plant.services.values():
            _ = service.running  # its end is written down
    drill.settle(180)
    tried = f"{count} Redis bounces below {len(drill.load.accepted)} tasks"
    return _judged(f"{tried} -> worker exits, second runs", drill, "0")


def flush(drill: Drill) -> Promise:
    """Lose every message of a thousand Tasks that wait."""
    for worker in drill.plant.workers:
        worker.stop(20)
    asked = drill.ask(int(drill.given.tasks), _SHORT)
    drill.plant.redis.flush()
    flushed, began = utcnow(), time.monotonic()
    for worker in drill.plant.workers:
        worker.start()
    told = or_(tasks.c.rung_at >= flushed, tasks.c.attempt > 0)
    query = select(func.count()).where(told)
    wait_until(lambda: drill.plant.db.read(lambda c: c.execute(query).scalar_one()) == len(asked), 60)
    rung = time.monotonic() - began
    drill.settle(600)
    against = [*drill.against(), *([f"the last was rung for after {rung:.1f} s"] if rung > 30 else [])]
    figure = f"{drill.starts()} runs, all rung within {rung:.1f} s"
    return Promise(f"FLUSHALL with {len(asked)} queued", figure, f"{len(asked)} runs, 30 s", against)


def duplicates(drill: Drill) -> Promise:
    """Send a thousand messages for one Task that runs."""
    [accepted] = drill.ask(1, replace(_SHORT, bursts=(1,) * 60, pause=0.15))
    drill.started(1)
    sent = sum(drill.load.ring(accepted.task_id) for _ in range(1000))
    drill.settle(120)
    wait_until(lambda: _waiting(drill.plant) == 0, 60, interval=0.5, message="all messages were read")
    return _judged(f"{sent} duplicate messages for one task -> more than one run", drill, "0")


def outage(drill: Drill) -> Promise:
    """Stop the database before Tasks end, and start it long after."""
    seconds = float(drill.given.seconds)
    ends = drill.ask(2, replace(_SHORT, bursts=(5,) * 50, pause=0.1, linger=0.3))
    goes_on = drill.ask(2, replace(_SHORT, bursts=(5,) * 200, pause=0.1))
    drill.started(4)
    drill.plant.store.away()
    time.sleep(seconds)
    drill.plant.store.heal()
    back = time.monotonic()
    drill.settle(180)
    took = time.monotonic() - back
    against = list(drill.against())
    for accepted, told in zip([*ends, *goes_on], drill.told([*ends, *goes_on]), strict=True):
        lines, wanted = told.numbers_in_output(1), accepted.plan.lines
        if lines != list(range(1, wanted + 1)) or told.task["result"] != f"printed {wanted}":
            against.append(
                f"{accepted.task_id}: {len(lines)} of {wanted} lines, result {told.task['result']}"
            )
    name = f"database away for {seconds:.0f} s across the end of {len(ends)} of {len(ends + goes_on)} tasks"
    figure = f"{4 - len(against)} whole, all final after {took:.1f} s"
    return Promise(name, figure, "result and last byte of all", against)


def redelivery(drill: Drill) -> Promise:
    """Have Redis hand the message out again every second while its Task runs for twenty."""
    [accepted] = drill.ask(1, replace(_SHORT, bursts=(1,) * 134, pause=0.15))
    drill.settle(90)
    [told] = drill.told([accepted])
    ignored = sum(one["count"] for one in told.task["ignored"])
    figure = f"{drill.starts()} start, {ignored} redeliveries ignored"
    against = [*drill.against(), *([] if ignored else ["nothing was redelivered"])]
    return Promise("visibility timeout 1 s, task of 20 s", figure, "1 start", against)


def memory(drill: Drill) -> Promise:
    """Compare a worker that runs nothing with itself running many."""
    drill.ask(4, _SHORT)
    drill.settle(30)
    worker = psutil.Process(drill.plant.workers[0].pid)
    idle = worker.memory_full_info().uss
    drill.ask(20, replace(_SHORT, bursts=(1,) * 100, pause=0.15))
    drill.started(24)
    own = supervisors(worker.children(recursive=True))
    each = (worker.memory_full_info().uss - idle) / max(1, len(own)) / 1024**2
    supervisor = sum(process.memory_full_info().uss for process in own) / max(1, len(own)) / 1024**2
    drill.settle(120)
    figure = f"{each:.2f} MB ({len(own)} running; a supervisor {supervisor:.1f} MB)"
    against = [f"{each:.2f} MB"] if each > 1 or not own else []
    return Promise("extra worker memory per running task", figure, "1 MB", against)


def _judged(name: str, drill: Drill, limit: str) -> Promise:
    against = list(drill.against())
    return Promise(name, str(len(against)), limit, against)


def _waiting(plant: Plant) -> int:
    with redis.Redis.from_url(plant.redis.url) as client:
        return int(client.llen("runs"))


#: What each needs beside the defaults.
_DRILLS: dict[str, tuple[Callable[[Drill], Promise], dict[str, object]]] = {
    "bounces": (bounces, {}),
    "flush": (flush, {"concurrency": 8}),
    "duplicates": (duplicates, {}),
    "outage": (outage, {}),
    "redelivery": (redelivery, {"module": "tests.integration.jobs.impatient"}),
    "memory": (memory, {"concurrency": 24}),
}


@contextmanager
def _running(given: argparse.Namespace, needs: dict[str, object]) -> Iterator[Drill]:
    folder = Path(tempfile.mkdtemp(prefix="errand-drill-"))
    plant = Plant(folder, database=given.database, lease=given.lease, **needs)  # type: ignore[arg-type]
    load = Load(plant, seed=0, want=0)
    try:
        plant.start()
        yield Drill(plant, load, given)
    finally:
        plant.stop()
        plant.remove()
    shutil.rmtree(folder, ignore_errors=True)


def main() -> int:
    """Do those that are named, or all; 0 where all promises were kept."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.drills", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*_DRILLS, []], metavar="name", help=", ".join(_DRILLS))
    parser.add_argument("--database", choices=("sqlite", "postgres"), default="postgres")
    parser.add_argument("--lease", type=float, default=30.0)
    parser.add_argument("--bounces", type=int, default=100)
    parser.add_argument("--tasks", type=int, default=1000, help="queued when Redis is flushed")
    parser.add_argument("--seconds", type=float, default=60, help="how long the database is away")
    given = parser.parse_args()
    kept = []
    for name in given.names or _DRILLS:
        drill, needs = _DRILLS[name]
        with _running(given, needs) as running:
            kept.append(drill(running))
        print(table(kept[-1:]), flush=True)  # noqa: T201
    print(table(kept))  # noqa: T201
    return 0 if all(promise.kept for promise in kept) else 1


if __name__ == "__main__":
    sys.exit(main())
