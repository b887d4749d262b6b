"""The proof at length: `python -m tests.chaos --faults 1000 --seed 1 --database postgres`."""

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path

from tests.chaos.promises import judge
from tests.chaos.report import happened, table
from tests.chaos.run import Options, run


def main() -> int:
    """Run, print the table; 0 where every promise was kept."""
    options, keep = _options()
    folder = Path(tempfile.mkdtemp(prefix="errand-chaos-"))
    began = time.monotonic()

    def say(line: str) -> None:
        print(f"[{time.monotonic() - began:7.1f}] {line}", file=sys.stderr, flush=True)  # noqa: T201

    say(f"{options}; logs and recordings are in {folder}")
    evidence = run(options, folder, say=say)
    promises = judge(evidence)
    kept = all(promise.kept for promise in promises)
    seconds = time.monotonic() - began
    print(f"seed {options.seed}, {options.database}, lease {options.lease:g} s, {seconds:.0f} s")  # noqa: T201
    print(happened(evidence))  # noqa: T201
    print(table(promises))  # noqa: T201
    if kept and not keep:
        shutil.rmtree(folder, ignore_errors=True)
    else:
        say(f"kept: {folder}")
    return 0 if kept else 1


def _options() -> tuple[Options, bool]:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--faults", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--database", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--lease", type=float, default=4.0, help="seconds; sweeps are 5 s apart")
    parser.add_argument("--pace", type=float, default=1.0, help="seconds between two faults, on average")
    parser.add_argument("--keep", action="store_true", help="keep logs and recordings in any case")
    given = parser.parse_args()
    options = Options(
        seed=given.seed, faults=given.faults, database=given.database, lease=given.lease, pace=given.pace
    )
    return options, given.keep


if __name__ == "__main__":
    sys.exit(main())
