"""pytest-celery's nodes over plain processes: what it asks of a Docker container, answered by a process."""

import signal
import socket
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pytest_celery import CeleryTestContainer, CeleryWorkerContainer

from app.settings import PROJECT_ROOT
from tests.services import RedisServer


class ProcessHandle:
    """One program, run as often as asked, with Docker's words for what one does to it."""

    #: No network of its own, and no port that must be open before it counts as ready.
    attrs: Mapping[str, Any] = {"NetworkSettings": {"Networks": {}, "Ports": {}}}

    def __init__(self, name: str, argv: Sequence[str], env: Mapping[str, str], log: Path) -> None:
        self.name = self.id = name
        self._argv = list(argv)
        self._env = dict(env)
        self._log = log
        self._began = 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The process of this life."""
        assert self._process is not None, f"{self.name} was never started"
        return self._process

    @property
    def status(self) -> str:
        """Docker's word for how it is."""
        return "created" if self._process is None else self._status_of(self._process)

    @staticmethod
    def _status_of(process: subprocess.Popen[bytes]) -> str:
        return "running" if process.poll() is None else "exited"

    def start(self) -> None:
        """Start it; what it prints from here on is `logs`."""
        self._began = self._log.stat().st_size if self._log.exists() else 0
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._argv,
                cwd=PROJECT_ROOT,
                env=self._env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def reload(self) -> None:
        """Nothing is cached here."""

    def logs(self) -> bytes:
        """Return what it printed in this life."""
        return self._log.read_bytes()[self._began :]

    def kill(self, number: str | int | None = None) -> None:
        """Send a signal, by name or number."""
        named = signal.Signals[number] if isinstance(number, str) else number
        self.process.send_signal(named or signal.SIGKILL)

    def stop(self, timeout: float = 30) -> int:
        """SIGTERM, and SIGKILL if that was not enough; return the exit status."""
        if self._process is None:
            return 0
        self._process.terminate()
        try:
            return self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()

    def restart(self, timeout: float = 30) -> None:
        """End it if it runs, and start it."""
        if self.status == "running":
            self.stop(timeout)
        self.start()


class WorkerContainer(CeleryWorkerContainer):  # type: ignore[misc] # pytest-celery has no types
    """A worker process of ours."""

    @property
    def ready_prompt(self) -> str:
        """What its log says when it consumes."""
        return f"@{socket.gethostname()} ready."

    def teardown(self) -> None:
        """Stop it."""
        self._container.stop()


class RedisHandle:
    """A Redis of the tests, in Docker's words."""

    attrs = ProcessHandle.attrs
    name = id = "redis"

    def __init__(self, server: RedisServer) -> None:
        self._server = server

    @property
    def status(self) -> str:
        """Docker's word for how it is."""
        return "running" if self._server.running else "exited"

    def reload(self) -> None:
        """Nothing is cached here."""

    def logs(self) -> bytes:
        """It has nothing to say."""
        return b""

    def kill(self, _signal: str | int | None = None) -> None:
        """End it as a crash would."""
        self._server.stop()

    def restart(self, timeout: float = 30) -> None:  # noqa: ARG002 - Docker's signature
        """Kill it and start it with what it kept."""
        self._server.restart()


class BrokerContainer(CeleryTestContainer):  # type: ignore[misc] # pytest-celery has no types
    """The Redis that carries the messages."""

    def __init__(self, server: RedisServer) -> None:
        super().__init__(RedisHandle(server))
        self._server = server

    @property
    def celeryconfig(self) -> dict[str, str]:
        """Where Celery finds it."""
        return {"url": self._server.url, "host_url": self._server.url}
