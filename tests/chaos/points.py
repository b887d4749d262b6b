"""Where the runs are right now: told by the CLIs' recordings and by the workers' logs."""

import os
from pathlib import Path

import psutil

from tests.chaos.service import Service


class Tail:
    """The lines a file grew since the last look."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = path.stat().st_size if path.exists() else 0
        self._rest = b""

    def lines(self) -> list[bytes]:
        """Return the new whole lines."""
        if not self._path.exists():
            return []
        fd = os.open(self._path, os.O_RDONLY)
        try:
            data = os.pread(fd, 1 << 20, self._offset)
        finally:
            os.close(fd)
        self._offset += len(data)
        *lines, self._rest = (self._rest + data).split(b"\n")
        return lines


class Points:
    """Tells which worker's run has just come to a named point."""

    def __init__(self, records: Path, workers: list[Service]) -> None:
        self._workers = workers
        self._told = Tail(records / "points")
        self._logs = {worker.name: Tail(worker.log) for worker in workers}

    def new(self) -> set[tuple[str, str]]:
        """Return (worker, point) for what happened since the last look."""
        found = set()
        for name, log in self._logs.items():
            if any(b"run_started" in line for line in log.lines()):
                found.add((name, "claimed"))
        for line in self._told.lines():
            point, _, pid = line.decode().partition(" ")
            worker = self._worker_of(int(pid))
            if worker:
                found.add((worker, point))
        return found

    def _worker_of(self, pid: int) -> str | None:
        try:
            above = {process.pid for process in psutil.Process(pid).parents()}
        except psutil.Error:
            return None
        return next((w.name for w in self._workers if w.running and w.pid in above), None)
