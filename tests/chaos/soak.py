"""LOAD-01, an hour of ordinary work: `python -m tests.chaos.soak --minutes 60`; nothing may grow."""

import argparse
import json
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from random import Random
from statistics import linear_regression, median

import psutil
import redis
import websocket

from tests.chaos.drill import SHORT, Drill, running
from tests.chaos.plant import TOKEN
from tests.chaos.promises import Promise
from tests.chaos.report import table
from tests.chaos.viewers import Viewers

#: Seconds between two tasks, and between two looks at the processes.
_EVERY = 2.0
_LOOK = 10.0
_VIEWERS = 20
#: Part of the time in which pools, caches and arenas fill up and nothing is judged.
_WARM_UP = 0.3
#: Looks at a process below which nothing can be said of it.
_FEWEST = 10
_MB = 1024**2
#: MB in ten minutes.
_SLOPE = 1.0


@dataclass(frozen=True)
class Sample:
    """One process, or Redis, at one time."""

    at: float
    what: str
    memory: float
    files: int
    threads: int


def soak(drill: Drill) -> list[Promise]:
    """Ask for a Task every two seconds, look at half of them and at all states, and measure."""
    seconds = float(drill.given.minutes) * 60
    ended = threading.Event()
    viewers = Viewers(drill.plant, drill.load, count=_VIEWERS)
    crowd = [
        threading.Thread(target=_ask, args=(drill, ended)),
        threading.Thread(target=_stare, args=(drill, ended)),
    ]
    viewers.start()
    for one in crowd:
        one.start()
    samples = list(_samples(drill, seconds))
    ended.set()
    for one in crowd:
        one.join()
    drill.settle(120)
    viewers.finish()
    wrong = [line for seen in viewers.seen.values() for line in seen.wrong]
    asked = len(drill.load.accepted)
    whole = Promise(
        f"{asked} tasks in {seconds / 60:.0f} min, {len(viewers.seen)} watched: lost, doubled or torn",
        str(len(wrong) + len(list(drill.against()))),
        "0",
        [*drill.against(), *wrong],
    )
    return [whole, *_flat(samples, seconds)]


def _ask(drill: Drill, ended: threading.Event) -> None:
    dice = Random(1)
    while not ended.wait(_EVERY):
        plan = replace(SHORT, bursts=(dice.choice((1, 5, 50)),) * dice.choice((5, 20)), pause=0.1)
        number = len(drill.load.accepted)
        drill.load.ask(replace(plan, number=number, forks=("session",) if number % 5 == 0 else ()))


def _stare(drill: Drill, ended: threading.Event) -> None:
    """Look at the states of all Tasks, and come back when cut off."""
    while not ended.is_set():
        bearer = [f"Authorization: Bearer {TOKEN}"]
        viewer = websocket.create_connection(f"ws://{drill.plant.base}/ws/tasks", 5, header=bearer)
        until = time.monotonic() + 20
        while time.monotonic() < until and not ended.is_set():
            try:
                json.loads(viewer.recv())
            except websocket.WebSocketTimeoutException:
                continue
        viewer.close()


def _samples(drill: Drill, seconds: float) -> Iterator[Sample]:
    began = time.monotonic()
    pause = threading.Event()
    while (at := time.monotonic() - began) < seconds:
        for name, service in drill.plant.services.items():
            for number, process in enumerate([psutil.Process(service.pid), *service.own()]):
                with suppress(psutil.NoSuchProcess):
                    yield _sample(at, f"{name}/{number}", process)
        with redis.Redis.from_url(drill.plant.redis.url) as client:
            connections, channels = len(client.client_list()), len(client.pubsub_channels())
            yield Sample(at, "redis", client.info("memory")["used_memory"] / _MB, connections, channels)
        pause.wait(_LOOK)


def _sample(at: float, what: str, process: psutil.Process) -> Sample:
    # Not what it shares with nobody: pages it had from its parent become its own one by one, and are no more.
    with process.oneshot():
        memory = process.memory_info().rss / _MB
        return Sample(at, what, memory, process.num_fds(), process.num_threads())


def _flat(samples: list[Sample], seconds: float) -> Iterator[Promise]:
    """Judge each process: memory by its slope, the rest by the middle of its beginning and of its end."""
    by_process: dict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        if sample.at > seconds * _WARM_UP:
            by_process[sample.what].append(sample)
    for what, found in by_process.items():
        if len(found) < _FEWEST and not what.endswith("/0"):
            continue  # a fork that was seen before it became the CLI's supervisor
        if len(found) < _FEWEST:
            yield Promise(
                f"{what} is flat", f"{len(found)} looks", f"{_FEWEST} looks", ["it was not there for long"]
            )
            continue
        slope = linear_regression([s.at for s in found], [s.memory for s in found]).slope * 600
        files, threads = (_moved([getattr(s, kind) for s in found]) for kind in ("files", "threads"))
        against = [f"{slope:+.2f} MB in ten minutes"] if slope > _SLOPE else []
        against += [f"{files:+.0f} files"] if files > 3 else []
        against += [f"{threads:+.0f} threads"] if threads > 3 else []
        words = "connections, channels" if what == "redis" else "files, threads"
        figure = f"{found[-1].memory:.0f} MB, {slope:+.2f} in 10 min; {files:+.0f}, {threads:+.0f} {words}"
        yield Promise(f"{what} is flat", figure, "+1 MB in 10 min; +3, +3", against)


def _moved(values: list[int]) -> float:
    third = max(1, len(values) // 3)
    return median(values[-third:]) - median(values[:third])


def main() -> int:
    """Run it, print the table; 0 where nothing grew and nothing was lost."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--database", choices=("sqlite", "postgres"), default="postgres")
    parser.add_argument("--lease", type=float, default=30.0)
    with running(parser.parse_args(), {"concurrency": 2}) as drill:
        kept = soak(drill)
    print(table(kept))  # noqa: T201
    return 0 if all(promise.kept for promise in kept) else 1


if __name__ == "__main__":
    sys.exit(main())
