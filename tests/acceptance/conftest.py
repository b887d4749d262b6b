"""Errand as a person starts it: bin/up as a real process."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest

from tests.waiting import wait_until

_ROOT = Path(__file__).resolve().parents[2]
_URL = re.compile(r"(http://127\.0\.0\.1:\d+)/#token=(\S+)")
#: Seconds: what is promised to be gone, and some for a machine that runs tests on the side.
_GONE_WITHIN = 30


@dataclass
class Errand:
    """One running bin/up."""

    process: subprocess.Popen[bytes]
    data: Path
    log_path: Path

    @property
    def log(self) -> str:
        """Everything it and its processes have printed so far."""
        return self.log_path.read_text(errors="replace")

    @property
    def url(self) -> str:
        """Where it answers."""
        return self._printed(1)

    @property
    def token(self) -> str:
        """The admin token: what was set, or what it keeps."""
        kept = self.data / "admin-token"
        return kept.read_text().strip() if kept.exists() else self.fragment

    @property
    def fragment(self) -> str:
        """What the URL it printed holds: the token that was set, or a link that is good once."""
        return self._printed(2)

    @property
    def pid(self) -> int:
        """The process id of bin/up itself."""
        return self.process.pid

    def client(self) -> httpx.Client:
        """Return a client that is signed in; the caller closes it."""
        headers = {"Authorization": f"Bearer {self.token}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=30)

    def tree(self) -> list[psutil.Process]:
        """Return every process of it, itself included."""
        try:
            root = psutil.Process(self.pid)
            return [root, *root.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def named(self, part: str) -> list[psutil.Process]:
        """Return those of its processes whose command line holds `part`, but not their supervisors."""
        return [process for process in self._with(part) if not _supervises(process)]

    def supervisor_of(self, part: str) -> psutil.Process:
        """Return the supervisor of the process whose command line holds `part`."""
        return next(process for process in self._with(part) if _supervises(process))

    def _with(self, part: str) -> list[psutil.Process]:
        return [process for process in self.tree() if part in " ".join(_command_line(process))]

    def wait_ready(self, timeout: float = 60) -> None:
        """Wait for the URL; fail with the log when it ended before that."""

        def ready() -> bool:
            assert self.process.poll() is None, f"bin/up ended before it was ready:\n{self.log}"
            return _URL.search(self.log) is not None

        wait_until(ready, timeout, message="bin/up prints its URL")

    def stop(self, number: int = signal.SIGINT) -> float:
        """Ask it to stop, wait, and return the seconds it took; fail when anything of it is left."""
        tree = self.tree()
        begun = time.monotonic()
        self.process.send_signal(number)
        self.process.wait(_GONE_WITHIN)
        wait_until(lambda: not any(map(is_alive, tree)), 15, message="nothing of bin/up is alive")
        return time.monotonic() - begun

    def kill_everything(self) -> None:
        """End whatever is left of it, for a test that failed half-way."""
        for process in self.tree():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self.process.wait(10)

    def _printed(self, group: int) -> str:
        found = _URL.search(self.log)
        assert found is not None, self.log
        return found.group(group)


class Starter:
    """Starts bin/up as often as asked; stops all of them in the end, and nothing of them may stay alive."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._started: list[Errand] = []

    def __call__(
        self,
        *,
        path: Path | None = None,
        env: Mapping[str, str] | None = None,
        data: Path | None = None,
        arguments: tuple[str, ...] = ("--port", "0"),
        ready: bool = True,
    ) -> Errand:
        """Start one; `path` goes in front of PATH, `data` is one folder for all if not given."""
        environment = {**os.environ, **(env or {})}
        if path is not None:
            environment["PATH"] = f"{path}{os.pathsep}{environment['PATH']}"
        folder = data or self._folder / "data"
        log_path = self._folder / f"up-{len(self._started)}.log"
        program = str(_ROOT / "bin" / "up")
        command = [sys.executable, program, *arguments, "--data", str(folder), "--no-browser"]
        with log_path.open("wb") as log:
            process = subprocess.Popen(
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        errand = Errand(process, folder, log_path)
        self._started.append(errand)
        if ready:
            errand.wait_ready()
        return errand

    def stop_all(self) -> None:
        """Stop what still runs, with SIGINT."""
        try:
            for errand in self._started:
                if errand.process.poll() is None:
                    errand.stop()
        finally:
            for errand in self._started:
                errand.kill_everything()


@pytest.fixture
def start_errand(tmp_path: Path) -> Iterator[Starter]:
    """Start bin/up: `start_errand(path=..., env=..., data=..., arguments=..., ready=...)`, once or more."""
    starter = Starter(tmp_path)
    yield starter
    starter.stop_all()


@pytest.fixture
def errand_up(start_errand: Starter) -> Errand:
    """One bin/up with everything as it comes, for this test alone."""
    return start_errand()


@pytest.fixture(scope="module")
def shared_errand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Errand]:
    """One bin/up for all tests of a module that leave it as they found it."""
    starter = Starter(tmp_path_factory.mktemp("errand"))
    yield starter()
    starter.stop_all()


def is_alive(process: psutil.Process) -> bool:
    """Whether the process still does anything."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _command_line(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def _supervises(process: psutil.Process) -> bool:
    return any(word.startswith("--control=") for word in _command_line(process))
