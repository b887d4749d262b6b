"""What a supervisor costs beside a bare subprocess.Popen. Run: python -m bench.supervisor [RUNS]."""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from app.process import Command, Process, new_mark

ENV = {"PATH": os.environ.get("PATH", os.defpath)}
TASKS = 20
SESSIONS = "for i in 1 2 3; do setsid sleep 1000 & done; echo ready; wait"


def start(*argv: str) -> Process:
    """Start a program under its supervisor."""
    return Process.start(Command(argv, Path("/"), ENV), mark=new_mark("bench"), writes=False)


def supervised() -> None:
    """Run `true` to its end under a supervisor, with everything given back."""
    with start("true") as process:
        while process.exit is None:
            process.read(5)


def bare() -> None:
    """Run `true` to its end with nothing but pipes."""
    subprocess.run(["true"], env=ENV, capture_output=True, check=True)


def python() -> None:
    """Run an empty program in the same interpreter: what of the cost is Python's own start."""
    subprocess.run([sys.executable, "-I", "-S", "-E", "-c", ""], env=ENV, capture_output=True, check=True)


def milliseconds(action: Callable[[], None], runs: int) -> float:
    """Return the median time of `action`."""
    times = []
    for _ in range(runs):
        began = time.perf_counter()
        action()
        times.append((time.perf_counter() - began) * 1000)
    return statistics.median(times)


def memory() -> tuple[float, float]:
    """Return per running task the MB a supervisor shares with nobody, and the worker's growth."""
    me = psutil.Process()
    start("sleep", "1000").close()
    before = me.memory_full_info().uss
    processes = [start("sleep", "1000") for _ in range(TASKS)]
    worker = me.memory_full_info().uss - before
    supervisors = [child.memory_full_info().uss for child in me.children()]
    for process in processes:
        process.close()
    return statistics.mean(supervisors) / 1e6, worker / TASKS / 1e6


def ends(count: int) -> float:
    """Return the median milliseconds from `close` to nothing left, with three other sessions in the tree."""
    times = []
    for _ in range(count):
        process = start("sh", "-c", SESSIONS)
        while not process.read(5):
            pass
        began = time.perf_counter()
        process.close()
        times.append((time.perf_counter() - began) * 1000)
    return statistics.median(times)


def main() -> None:
    """Measure and print the table."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    alone, interpreter, whole = (milliseconds(action, runs) for action in (bare, python, supervised))
    own, worker = memory()
    print("| run of `true` to its end | median ms | ratio |")
    print("|---|---|---|")
    print(f"| subprocess.Popen | {alone:.1f} | 1.0 |")
    print(f"| an empty Python program | {interpreter:.1f} | {interpreter / alone:.1f} |")
    print(f"| supervised | {whole:.1f} | {whole / alone:.1f} |")
    print(
        f"\nadded per task: {whole - alone:.1f} ms, of which Python's start is {interpreter - alone:.1f} ms"
    )
    print(f"memory of a supervisor shared with nobody: {own:.1f} MB; more in the worker: {worker:.2f} MB")
    print(f"close of a tree with three other sessions in it: {ends(runs // 5 or 1):.1f} ms")


if __name__ == "__main__":
    main()
