"""One process of Errand, started again whenever it ends, as a platform would."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from app.settings import PROJECT_ROOT
from tests.services import _ends_with_us


@dataclass(frozen=True)
class Exit:
    """One end of a process."""

    service: str
    at: float
    code: int
    #: What was done to it; None where it went by itself.
    asked: str | None
    #: Seconds since it was asked.
    took: float
    #: Whether it had come up when it was asked; before that SIGTERM ends it as it ends any process.
    ready: bool


class Service:
    """A program that is to run. Start it from the main thread only: the kernel ends it with that."""

    def __init__(self, name: str, argv: Sequence[str], env: Mapping[str, str], log: Path) -> None:
        self.name = name
        self.log = log
        self.exits: list[Exit] = []
        self._argv = list(argv)
        self._env = dict(env)
        self._process: subprocess.Popen[bytes] | None = None
        self._asked: tuple[str, float, bool] | None = None
        self._began = 0

    @property
    def pid(self) -> int:
        """The process id of this life."""
        assert self._process is not None
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it has not ended; an end is written down once."""
        if self._process is None:
            return False
        code = self._process.poll()
        if code is None:
            return True
        now = time.monotonic()
        asked, since, ready = self._asked or (None, now, True)
        self.exits.append(Exit(self.name, now, code, asked, now - since, ready))
        self._process = self._asked = None
        return False

    def start(self) -> None:
        """Start it where it does not run."""
        if self.running:
            return
        self._began = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._argv,
                cwd=PROJECT_ROOT,
                env=self._env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=_ends_with_us(signal.SIGKILL),  # noqa: PLW1509 - started from one thread
            )

    def send(self, number: int, *, asked: str | None = None) -> None:
        """Signal the process itself; `asked` names what is to end it."""
        if self.running:
            if asked:
                self._asked = self._asked or (asked, time.monotonic(), self._is_ready())
            os.kill(self.pid, number)

    def send_all(self, number: int, *, asked: str | None = None) -> None:
        """Signal it and what it forked, but for the CLIs: as when its container is stopped or killed."""
        for process in self.own():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(number)
        self.send(number, asked=asked)

    def _is_ready(self) -> bool:
        with self.log.open("rb") as log:
            log.seek(self._began)
            return b"machine_ready" in log.read()

    @property
    def asked(self) -> bool:
        """Whether it was asked to end in this life."""
        return self._asked is not None

    def overdue(self, patience: float) -> bool:
        """Whether it was asked to end longer ago than that."""
        return self._asked is not None and time.monotonic() - self._asked[1] > patience

    def kill(self) -> None:
        """SIGKILL to it and what it forked, and wait: it was asked nicely before."""
        self.send_all(signal.SIGKILL, asked="kill")
        assert self._process is not None
        self._process.wait(10)

    def own(self) -> list[psutil.Process]:
        """Return what it forked and that does its work with it (gunicorn's workers, Celery's beat)."""
        return [process for process in self.below() if not is_supervised(process)]

    def below(self) -> list[psutil.Process]:
        """Return all its descendants, CLIs too."""
        if not self.running:
            return []
        try:
            return psutil.Process(self.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []

    def stop(self, patience: float) -> None:
        """SIGTERM, and SIGKILL when that was not enough."""
        self.send_all(signal.SIGCONT)
        self.send(signal.SIGTERM, asked="stop")
        deadline = time.monotonic() + patience
        while self.running and (left := deadline - time.monotonic()) > 0:
            assert self._process is not None
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(min(left, 0.5))
        if self.running:
            self.kill()


def mark_of(process: psutil.Process) -> str | None:
    """Return the mark a process of a CLI's tree, or its supervisor, carries."""
    try:
        return process.environ().get("ERRAND_MARK")
    except psutil.Error:
        return None


def is_supervised(process: psutil.Process) -> bool:
    """Whether this is a CLI's supervisor or a process of its tree."""
    return mark_of(process) is not None


def supervisors(processes: Sequence[psutil.Process]) -> list[psutil.Process]:
    """Return the supervisors among them, by their mark."""
    found = []
    for process in processes:
        with contextlib.suppress(psutil.Error):
            if any(word.startswith("--mark=") for word in process.cmdline()[:9]):
                found.append(process)
    return found


def alive(process: psutil.Process) -> bool:
    """Whether it is there and no zombie."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
