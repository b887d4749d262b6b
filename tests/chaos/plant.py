"""The whole of Errand in processes, with a CLI that records, in one temporary folder."""

import os
import shutil
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

import httpx
import psutil
from celery import Celery

from app.db import migrate
from app.db.engine import Database
from app.process import installation
from app.settings import PROJECT_ROOT
from tests.chaos.service import Service, alive, mark_of
from tests.chaos.stores import Postgres, Sqlite, Store
from tests.services import RedisServer, free_port
from tests.waiting import wait_until

TOKEN = "a-token-for-the-chaos"
_BIN = Path(sys.executable).parent
_PROGRAM = Path(__file__).with_name("program.py")
_OURS = ("ERRAND_", "DATABASE_URL", "REDIS_URL", "SECRET_KEY", "PORT", "WEB_CONCURRENCY", "COVERAGE", "COV_")
_AGENT = 'cli = "claude"\ndescription = "Prints numbered lines."\nsandbox = "off"\n'
_QUIET = ("-P", "threads", "-E", "--without-gossip", "--without-mingle")
#: Seconds a worker's CLIs get when it is asked to stop.
GRACE = 3


class Plant:
    """Two workers, control, web, Redis and a database."""

    def __init__(
        self,
        folder: Path,
        *,
        database: str,
        lease: float,
        concurrency: int = 3,
        webs: int = 2,
        module: str = "tasks.celery",
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder
        self.records = folder / "records"
        self.lease = lease
        self.data = folder / "data"
        for made in (self.records, self.data, folder / "redis", folder / "logs"):
            made.mkdir(parents=True)
        self._install(folder)
        self.redis = RedisServer(folder / "redis")
        self.store: Store = Postgres() if database == "postgres" else Sqlite(self.data / "errand.db")
        self.port = free_port()
        self._env = self._environment(concurrency, webs) | dict(env or {})
        self.services = {service.name: service for service in self._described(concurrency, module)}
        self.celery = self._sender()
        #: For looking, not for judging: what counts is read over REST and from the recordings.
        self.db = Database(self.store.url)

    @property
    def workers(self) -> list[Service]:
        """The two that run CLIs."""
        return [service for name, service in self.services.items() if name.startswith("worker")]

    @property
    def base(self) -> str:
        """Where the web tier is."""
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start all of it and wait until it can run Tasks."""
        self.redis.start()
        migrate.upgrade(self.store.url)
        for service in self.services.values():
            service.start()
        with self.client() as client:
            wait_until(lambda: self._ready(client), 60, interval=0.1, message="everything is up")

    def client(self, timeout: float = 5) -> httpx.Client:
        """Return a client that may do everything."""
        headers = {"Authorization": f"Bearer {TOKEN}"}
        return httpx.Client(base_url=f"http://{self.base}", headers=headers, timeout=timeout)

    def heal(self) -> None:
        """End every fault."""
        if not self.redis.running:
            self.redis.start()
        self.redis.resume()
        self.store.heal()
        for service in self.services.values():
            service.send_all(signal.SIGCONT)
            service.start()

    def trees(self) -> list[psutil.Process]:
        """Return every process of any CLI's tree of this run, by its mark, supervisors included."""
        prefix = installation(self.data) + ":"
        return [
            process
            for process in psutil.process_iter()
            if (mark_of(process) or "").startswith(prefix) and alive(process)
        ]

    def stop(self) -> None:
        """SIGTERM to every process of Errand."""
        for service in self.services.values():
            service.send_all(signal.SIGCONT)
            service.send(signal.SIGTERM, asked="stop")
        for service in self.services.values():
            service.stop(GRACE + 15)

    def remove(self) -> None:
        """Stop everything that still runs, the servers too, and delete what they kept."""
        for service in self.services.values():
            service.stop(1)
        self.celery.close()
        self.db.close()
        self.redis.stop()
        self.store.remove()

    def _ready(self, client: httpx.Client) -> bool:
        for service in self.services.values():
            assert service.running, f"{service.name} ended: {service.log.read_text()[-2000:]}"
        try:
            answer = client.get("/readyz")
        except httpx.HTTPError:
            return False
        return answer.status_code == 200 and answer.json()["degraded"] == []

    def _install(self, folder: Path) -> None:
        directory = folder / "bin"
        directory.mkdir()
        program = directory / "claude"
        program.write_text(f"#!{sys.executable} -IS\n{_PROGRAM.read_text()}")
        program.chmod(0o755)
        agent = folder / "agents" / "brain"
        agent.mkdir(parents=True)
        (agent / "agent.toml").write_text(_AGENT)
        shutil.copy(PROJECT_ROOT / "agents" / "brain" / "CLAUDE.md", agent)

    def _environment(self, concurrency: int, webs: int) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
        return {
            **kept,
            "PATH": os.pathsep.join((str(self.folder / "bin"), str(_BIN), os.environ["PATH"])),
            "DATABASE_URL": self.store.url,
            "REDIS_URL": self.redis.url,
            "SECRET_KEY": "a-key-for-the-chaos",
            "PORT": str(self.port),
            "WEB_CONCURRENCY": str(webs),
            "ERRAND_ADMIN_TOKEN": TOKEN,
            "ERRAND_AGENTS_DIR": str(self.folder / "agents"),
            "ERRAND_CONCURRENCY": str(concurrency),
            "ERRAND_DATA_DIR": str(self.data),
            "ERRAND_IDLE_TIMEOUT": "120",
            "ERRAND_LEASE_SECONDS": str(self.lease),
            "ERRAND_MAX_ATTEMPTS": "5",
            "ERRAND_SHUTDOWN_GRACE": str(GRACE),
            "ERRAND_TASK_TIMEOUT": "240",
        }

    def _described(self, concurrency: int, module: str) -> list[Service]:
        celery = (str(_BIN / "celery"), "-q", "-A", module, "worker")
        web = (str(_BIN / "gunicorn"), "-c", str(PROJECT_ROOT / "gunicorn.conf.py"), "--bind", self.base)
        beat = ("-B", "-s", str(self.folder / "beat-schedule"))
        lines = {
            "web": (*web, "wsgi:app"),
            "control": (*celery, "-Q", "control", "-n", "control@%h", "-c", "8", *_QUIET, *beat),
        }
        for name in ("worker-1", "worker-2"):
            lines[name] = (*celery, "-Q", "runs", "-n", f"{name}@%h", "-c", str(concurrency), *_QUIET)
        logs = self.folder / "logs"
        return [Service(name, argv, self._env, logs / f"{name}.log") for name, argv in lines.items()]

    def _sender(self) -> Celery:
        celery = Celery("errand", set_as_current=False)
        celery.config_from_object("celeryconfig")
        patience = {"socket_timeout": 2, "socket_connect_timeout": 2, "max_retries": 0}
        celery.conf.update(broker_url=self.redis.url, broker_transport_options=patience)
        return celery
