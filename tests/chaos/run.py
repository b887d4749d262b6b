"""One run: start everything, play the schedule, heal, wait until all is final, gather the evidence."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import func, select

from app.db.rows import tasks
from app.errors import Unavailable
from tests.chaos.crowd import Crowd
from tests.chaos.director import Director
from tests.chaos.evidence import Evidence, read_task
from tests.chaos.faults import Faults
from tests.chaos.load import Load
from tests.chaos.plant import Plant
from tests.chaos.recordings import trees
from tests.chaos.schedule import schedule
from tests.chaos.service import mark_of
from tests.chaos.viewers import Viewers
from tests.waiting import wait_until

_FINAL = ("completed", "failed", "cancelled")


@dataclass(frozen=True)
class Options:
    """What a run is made of; the same ones replay the same schedule."""

    seed: int
    faults: int
    database: str
    lease: float
    #: Seconds between two faults, on average.
    pace: float
    #: Tasks kept unfinished, and those who look at the same time.
    want: int = 8
    viewers: int = 5
    #: Seconds for everything to become final after the last fault.
    patience: float = 240


def run(options: Options, folder: Path, *, say: Callable[[str], None] = lambda _: None) -> Evidence:
    """Do it; `folder` keeps logs and recordings."""
    plant = Plant(folder, database=options.database, lease=options.lease)
    try:
        plant.start()
        say("everything is up")
        return _played(plant, options, say)
    finally:
        plant.remove()


def _played(plant: Plant, options: Options, say: Callable[[str], None]) -> Evidence:
    load = Load(plant, seed=options.seed, want=options.want)
    viewers = Viewers(plant, load, count=options.viewers)
    faults = Faults(plant, Crowd(load, viewers))
    director = Director(plant, faults)
    load.start()
    viewers.start()
    director.play(schedule(options.seed, options.faults, lease=options.lease, pace=options.pace), say=say)
    plant.heal()
    healed = time.monotonic()
    say("everything is healed")
    faults.close()
    load.stop()
    settled = _settle(plant, load, options.patience)
    say("settled" if settled else "NOT settled")
    settled_after = time.monotonic() - healed if settled else None
    left = _left(plant)
    viewers.finish()
    with plant.client(timeout=60) as client:
        told = {task_id: read_task(client, task_id) for task_id in load.accepted}
    stored = plant.db.read(lambda c: c.execute(select(func.count()).select_from(tasks)).scalar_one())
    plant.stop()
    return Evidence(
        lease=options.lease,
        accepted=load.accepted,
        retried=load.retried,
        cancelled=load.cancelled,
        played=director.played,
        killed=faults.killed,
        exits=[ended for service in plant.services.values() for ended in service.exits],
        told=told,
        tasks_stored=stored,
        trees=trees(plant.records),
        seen=viewers.seen,
        surprises=load.surprises,
        settled_after=settled_after,
        left=left + _left(plant),
        errors=list(_errors(plant.folder / "logs")),
    )


def _settle(plant: Plant, load: Load, patience: float) -> bool:
    def final() -> bool:
        for service in plant.services.values():
            service.start()  # what ended by itself in the meantime is a finding, not a dead end
        query = select(func.count()).where(tasks.c.id.in_(load.accepted), tasks.c.state.in_(_FINAL))
        try:
            return plant.db.read(lambda c: c.execute(query).scalar_one()) == len(load.accepted)
        except Unavailable:
            return False

    try:
        return wait_until(final, patience, interval=0.2)
    except AssertionError:
        return False


def _left(plant: Plant) -> list[str]:
    """Return the marks of what is alive 2 s after everything was final."""
    try:
        wait_until(lambda: not plant.trees(), 2, interval=0.05)
    except AssertionError:
        return [f"{process.pid} {mark_of(process)}" for process in plant.trees()]
    return []


def _errors(logs: Path) -> Iterator[str]:
    for path in sorted(logs.iterdir()):
        for line in path.read_text(errors="replace").splitlines():
            if '"level": "error"' in line or '"level": "critical"' in line:
                yield f"{path.stem}: {_summary(line)}"
            elif line.startswith("Traceback"):
                yield f"{path.stem}: a traceback that is no log line"


def _summary(line: str) -> str:
    """Return the event of a log line, without its ids, and the types of what was raised."""
    try:
        told = json.loads(line)
    except ValueError:
        return line[:160]
    said = " ".join(str(told.get("event")).split()[:6])
    raised = told.get("exception")
    if not isinstance(raised, list):
        return said
    return f"{said} ({', from '.join(str(each.get('exc_type')) for each in raised)})"
