"""How long a write waits for its turn while other processes write all the time, against SQLite's own waiting.

    python -m bench.writers [--writers 3] [--seconds 5]

All are processes of their own over one file, as web, worker and control are. The writers commit one row after
the other; the one that is measured writes 40 a second, as a burst of webhooks does. SQLite's busy handler
sleeps longer each time that it finds the file locked, up to a tenth of a second, so that whoever writes all
the time is always first.
"""

import argparse
import multiprocessing
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from multiprocessing.synchronize import Event
from pathlib import Path

from sqlalchemy import text

from app.db.engine import Database

_INSERT = "INSERT INTO t (v) VALUES ('0123456789')"
#: Seconds between two writes of the one that is measured.
_EVERY = 0.025


def _ours(path: Path) -> Callable[[], object]:
    db = Database(f"sqlite:///{path}")
    return lambda: db.write(lambda c: c.execute(text(_INSERT)))


def _sqlites(path: Path) -> Callable[[], object]:
    connection = sqlite3.connect(path, timeout=15, isolation_level=None)
    connection.execute("PRAGMA synchronous=NORMAL")

    def write() -> None:
        for statement in ("BEGIN IMMEDIATE", _INSERT, "COMMIT"):
            connection.execute(statement)

    return write


_WAYS = {"Errand": _ours, "SQLite": _sqlites}


def _write_all_the_time(way: str, path: Path, ended: Event) -> None:
    write = _WAYS[way](path)
    while not ended.is_set():
        write()


def _waits(way: str, *, writers: int, seconds: float) -> list[float]:
    """Return how long each write took, in milliseconds."""
    with tempfile.TemporaryDirectory() as folder:
        path, ended = Path(folder, "t.db"), multiprocessing.Event()
        connection = sqlite3.connect(path)
        connection.executescript("PRAGMA journal_mode=WAL; CREATE TABLE t (v TEXT)")
        connection.close()
        others = [
            multiprocessing.Process(target=_write_all_the_time, args=(way, path, ended))
            for _ in range(writers)
        ]
        for other in others:
            other.start()
        try:
            return _measured(_WAYS[way](path), seconds)
        finally:
            ended.set()
            for other in others:
                other.join()


def _measured(write: Callable[[], object], seconds: float) -> list[float]:
    found, end = [], time.monotonic() + seconds
    while time.monotonic() < end:
        began = time.monotonic()
        write()
        found.append((time.monotonic() - began) * 1000)
        time.sleep(_EVERY)
    return found


def main() -> None:
    """Measure both and print them with their ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--writers", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5.0)
    given = parser.parse_args()
    p95: dict[str, float] = {}
    for way in _WAYS:
        waits = _waits(way, writers=given.writers, seconds=given.seconds)
        p95[way] = statistics.quantiles(waits, n=20)[-1]
        print(
            f"{way:8} {len(waits)} writes: median {statistics.median(waits):.1f} ms, "
            f"p95 {p95[way]:.1f} ms, slowest {max(waits):.1f} ms"
        )
    print(f"p95, Errand's of SQLite's own: {p95['Errand'] / p95['SQLite']:.2f}")


if __name__ == "__main__":
    main()
