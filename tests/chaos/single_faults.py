"""Drills of one fault each."""

import time
from dataclasses import replace
from random import Random

import psutil
import redis
from sqlalchemy import func, or_, select

from app.clock import utcnow
from app.db.rows import tasks
from tests.chaos.drill import SHORT, Drill, judged
from tests.chaos.plant import Plant
from tests.chaos.promises import Promise
from tests.chaos.service import supervisors
from tests.waiting import wait_until


def bounces(drill: Drill) -> Promise:
    """Restart Redis again and again below Tasks that run."""
    random, count = Random(1), int(drill.given.bounces)
    drill.ask(4, replace(SHORT, bursts=(1,) * 40, pause=0.2))
    for _ in range(count):
        drill.plant.redis.stop()
        time.sleep(random.choice((0.0, 0.05, 0.3, 1.0)))
        drill.plant.redis.start()
        drill.ask(1, replace(SHORT, bursts=(1,) * 20, pause=0.1))
        time.sleep(random.uniform(0.2, 1.5))
        for service in drill.plant.services.values():
            _ = service.running  # its end is written down
    drill.settle(180)
    tried = f"{count} Redis bounces below {len(drill.load.accepted)} tasks"
    return judged(f"{tried} -> worker exits, second runs", drill, "0")


def flush(drill: Drill) -> Promise:
    """Lose every message of a thousand Tasks that wait."""
    for worker in drill.plant.workers:
        worker.stop(20)
    asked = drill.ask(int(drill.given.tasks), SHORT)
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
    [accepted] = drill.ask(1, replace(SHORT, bursts=(1,) * 60, pause=0.15))
    drill.started(1)
    sent = sum(drill.load.ring(accepted.task_id) for _ in range(1000))
    drill.settle(120)
    wait_until(lambda: _waiting(drill.plant) == 0, 60, interval=0.5, message="all messages were read")
    return judged(f"{sent} duplicate messages for one task -> more than one run", drill, "0")


def outage(drill: Drill) -> Promise:
    """Stop the database before Tasks end, and start it long after."""
    seconds = float(drill.given.seconds)
    ends = drill.ask(2, replace(SHORT, bursts=(5,) * 50, pause=0.1, linger=0.3))
    goes_on = drill.ask(2, replace(SHORT, bursts=(5,) * 200, pause=0.1))
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
    [accepted] = drill.ask(1, replace(SHORT, bursts=(1,) * 134, pause=0.15))
    drill.settle(90)
    [told] = drill.told([accepted])
    ignored = sum(one["count"] for one in told.task["ignored"])
    figure = f"{drill.starts()} start, {ignored} redeliveries ignored"
    against = [*drill.against(), *([] if ignored else ["nothing was redelivered"])]
    return Promise("visibility timeout 1 s, task of 20 s", figure, "1 start", against)


def memory(drill: Drill) -> Promise:
    """Compare a worker that runs nothing with itself running many."""
    drill.ask(4, SHORT)
    drill.settle(30)
    worker = psutil.Process(drill.plant.workers[0].pid)
    idle = worker.memory_full_info().uss
    drill.ask(20, replace(SHORT, bursts=(1,) * 100, pause=0.15))
    drill.started(24)
    own = supervisors(worker.children(recursive=True))
    each = (worker.memory_full_info().uss - idle) / max(1, len(own)) / 1024**2
    supervisor = sum(process.memory_full_info().uss for process in own) / max(1, len(own)) / 1024**2
    drill.settle(120)
    figure = f"{each:.2f} MB ({len(own)} running; a supervisor {supervisor:.1f} MB)"
    against = [f"{each:.2f} MB"] if each > 1 or not own else []
    return Promise("extra worker memory per running task", figure, "1 MB", against)


def _waiting(plant: Plant) -> int:
    with redis.Redis.from_url(plant.redis.url) as client:
        return int(client.llen("runs"))
