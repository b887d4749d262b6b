"""A database, a Redis, a scripted CLI, and real worker processes that share them."""

import os
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path

import redis
from celery import Celery
from pytest_celery import CeleryTestWorker

from app.clock import utcnow
from app.db import doorbells, tasks
from app.db.engine import Database
from app.db.tasks import NewTask
from app.dispatch import CeleryBell
from app.domain.task import SessionId, Task, TaskId, TaskState
from tests.fakes.scripted_cli import ScriptedCli, script
from tests.integration.jobs.process_node import ProcessHandle, WorkerContainer
from tests.services import RedisServer
from tests.waiting import wait_until

CELERY = str(Path(sys.executable).with_name("celery"))


class Plant:
    """Where jobs run: the tests queue and ring, worker processes do the rest."""

    def __init__(self, folder: Path, server: RedisServer, template: Path) -> None:
        self.folder = folder
        self.redis = server
        self.cli = ScriptedCli(folder / "bin")
        self.celery = sender(server.url)
        self.db = Database(self._copy(template))
        self.env = {
            **os.environ,
            "PATH": f"{self.cli.directory}{os.pathsep}{os.environ['PATH']}",
            "REDIS_URL": server.url,
            "DATABASE_URL": self.db.url,
            "ERRAND_DATA_DIR": str(folder / "data"),
        }
        self._handles: list[ProcessHandle] = []

    def _copy(self, template: Path) -> str:
        for file in template.parent.glob(f"{template.name}*"):
            shutil.copy(file, self.folder / file.name)
        return f"sqlite:///{self.folder / template.name}"

    # Processes

    def start(self, name: str, *argv: str, **env: str) -> ProcessHandle:
        """Start a program of Celery's that is stopped with the plant."""
        environment = {**self.env, **env}
        handle = ProcessHandle(name, (CELERY, "-q", *argv), environment, self.folder / f"{name}.log")
        self._handles.append(handle)
        handle.start()
        return handle

    def worker(
        self, name: str = "worker", *, module: str = "tasks.celery", concurrency: int = 4, **env: str
    ) -> CeleryTestWorker:
        """Start a worker for runs, with the Procfile's options, and wait until it consumes."""
        return self._worker(name, module, "-Q", "runs", "-c", str(concurrency), **env)

    def control(self, name: str = "control", **env: str) -> CeleryTestWorker:
        """Start the control process, with beat, and wait until it consumes."""
        beat = ("-B", "-s", str(self.folder / f"{name}-beat"))
        return self._worker(name, "tasks.celery", "-Q", "control", "-c", "8", *beat, **env)

    def _worker(self, name: str, module: str, *options: str, **env: str) -> CeleryTestWorker:
        quiet = ("-P", "threads", "-E", "--without-gossip", "--without-mingle")
        handle = self.start(name, "-A", module, "worker", "-n", f"{name}@%h", *options, *quiet, **env)
        container = WorkerContainer(handle)
        node = CeleryTestWorker(container, app=self.celery)
        node.assert_log_exists(container.ready_prompt, timeout=30)
        return node

    # Tasks

    def queue(self, *steps: dict[str, object], session_id: SessionId | None = None) -> Task:
        """Commit a Task whose CLI takes these steps; nobody is told."""
        return self.queue_message(script(*steps), session_id)

    def queue_message(self, message: str, session_id: SessionId | None = None) -> Task:
        """Commit a Task with this message; nobody is told."""
        new = NewTask(message, agent="brain", cli="claude", max_attempts=3, session_id=session_id)
        return self.db.write(tasks.create, new)

    def ring(self, *told: Task) -> None:
        """Tell the workers, and remember that."""
        for task in told:
            assert CeleryBell(self.celery).ring(task.id)
        self.db.write(doorbells.mark_rung, [task.id for task in told], utcnow())

    def ask(self, *steps: dict[str, object], session_id: SessionId | None = None) -> Task:
        """Commit a Task and tell the workers."""
        task = self.queue(*steps, session_id=session_id)
        self.ring(task)
        return task

    def now(self, task: Task) -> Task:
        """Return the Task as it stands."""
        return self.task(task.id)

    def task(self, task_id: TaskId) -> Task:
        """Return the Task with this id."""
        return self.db.read(tasks.get, task_id)

    def wait(self, *waited: Task, state: TaskState = TaskState.COMPLETED, timeout: float = 20) -> list[Task]:
        """Wait until all of them are in that state."""

        def there() -> bool:
            return all(self.now(task).state is state for task in waited)

        wait_until(there, timeout, interval=0.05, message=f"{len(waited)} tasks are {state}")
        return [self.now(task) for task in waited]

    def untold(self) -> list[TaskId]:
        """Return the Tasks that are due and that nobody was ever told of."""
        long_ago = datetime.min.replace(tzinfo=UTC)
        found = self.db.read(doorbells.unrung, now=utcnow(), rung_before=long_ago, limit=1000)
        return [task_id for task_id, _ in found]

    # Redis

    def consumers(self) -> int:
        """Return how many connections wait for a message of the queue of runs right now."""
        with redis.Redis.from_url(self.redis.url) as client:
            return sum(line["cmd"] == "brpop" for line in client.client_list())

    def waiting(self, queue: str = "runs") -> int:
        """Return how many messages nobody has taken."""
        with redis.Redis.from_url(self.redis.url) as client:
            return int(client.llen(queue))

    def close(self) -> None:
        """Stop everything, the last one first."""
        for handle in reversed(self._handles):
            handle.stop()
        self.celery.close()
        self.db.close()


def sender(url: str) -> Celery:
    """Return an app that only sends, with our settings."""
    celery = Celery("errand", set_as_current=False)
    celery.config_from_object("celeryconfig")
    celery.conf.update(broker_url=url)
    return celery
