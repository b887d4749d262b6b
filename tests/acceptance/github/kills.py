"""Kill each process by itself at each step from comment to answer, before and after GitHub did the step.

    python -m tests.acceptance.github.kills [--only STEP]

Four victims or none, six steps, two moments: 60 times a whole Errand, some fifteen minutes.
bin/test kills all at once.
"""

import argparse
import sys
import time

from .town import PROCESSES, STEPS, running

#: Nobody: the connection is lost, and who asked goes on.
VICTIMS = (*PROCESSES, "redis", "nobody")


def trial(step: str, victim: str, *, after: bool) -> str:
    """Return how it ended: "ok", or what was not as promised."""
    try:
        with running() as town:
            town.reach(step, after=after)
            if victim != "nobody":
                town.kill(victim)
            town.assert_one_of_each()
    except AssertionError as error:
        return str(error)
    return "ok"


def main() -> int:
    """Print a line for each; return how many broke a promise."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", choices=STEPS, help="this step")
    only = parser.parse_args().only
    broken = 0
    for step in [only] if only else STEPS:
        for victim in VICTIMS:
            for after in (False, True):
                began = time.monotonic()
                how = trial(step, victim, after=after)
                broken += how != "ok"
                moment = "after" if after else "before"
                sys.stdout.write(f"{step:8} {victim:8} {moment:7} {time.monotonic() - began:5.1f} s  {how}\n")
                sys.stdout.flush()
    sys.stdout.write(f"{broken} broke a promise\n")
    return broken


if __name__ == "__main__":
    sys.exit(min(1, main()))
