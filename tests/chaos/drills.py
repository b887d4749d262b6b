"""Single faults and loads, measured: `python -m tests.chaos.drills [name ...] [--database postgres]`."""

import argparse
import sys
from collections.abc import Callable
from typing import Any

from tests.chaos import loads, single_faults
from tests.chaos.drill import Drill, running
from tests.chaos.promises import Promise
from tests.chaos.report import table

#: What each needs beside the defaults.
_DRILLS: dict[str, tuple[Callable[[Drill], Promise], dict[str, Any]]] = {
    "bounces": (single_faults.bounces, {}),
    "flush": (single_faults.flush, {"concurrency": 8}),
    "duplicates": (single_faults.duplicates, {}),
    "outage": (single_faults.outage, {}),
    "redelivery": (single_faults.redelivery, {"module": "tests.integration.jobs.impatient"}),
    "memory": (single_faults.memory, {"concurrency": 24}),
    "cancels": (loads.cancels, {"concurrency": 12}),
    "queue": (loads.queue, {"concurrency": 8}),
    "flood": (loads.flood, {"concurrency": 5}),
    "retention": (loads.retention, {"database": "sqlite", "env": {"ERRAND_RETENTION_DAYS": "1"}}),
    "strangers": (loads.strangers, {}),
}


def main() -> int:
    """Do those that are named, or all; 0 where all promises were kept."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.drills", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*_DRILLS, []], metavar="name", help=", ".join(_DRILLS))
    parser.add_argument("--database", choices=("sqlite", "postgres"), default="postgres")
    parser.add_argument("--lease", type=float, default=30.0)
    parser.add_argument("--bounces", type=int, default=100)
    parser.add_argument("--tasks", type=int, default=1000, help="queued when Redis is flushed")
    parser.add_argument("--queued", type=int, default=10_000, help="tasks that wait at once, or are old")
    parser.add_argument("--seconds", type=float, default=60, help="how long the database is away")
    parser.add_argument("--load-seconds", type=float, default=30, help="how long loads last")
    given = parser.parse_args()
    kept = []
    for name in given.names or _DRILLS:
        drill, needs = _DRILLS[name]
        with running(given, needs) as started:
            kept.append(drill(started))
        print(table(kept[-1:]), flush=True)  # noqa: T201
    print(table(kept))  # noqa: T201
    return 0 if all(promise.kept for promise in kept) else 1


if __name__ == "__main__":
    sys.exit(main())
