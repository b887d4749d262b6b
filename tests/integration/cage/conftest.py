"""A worker's Runner and a CLI that does whatever its prompt says: a shell."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from app.db.engine import Database
from app.domain.sandbox import Level
from app.domain.task import Task, TaskId
from app.process import MARK_VARIABLE
from app.runner.cage import Cage
from tests.fakes.scripted_cli import ScriptedCli
from tests.integration.runner.conftest import Bench

#: Who a CLI is at levels 1 and 2 if these tests are root: a user every machine has.
USER = "nobody"
#: What each agent of these tests says; text from outside with a floor of 1 is how level 1 is asked for.
ASKS: dict[Level, tuple[str, dict[str, Any]]] = {
    Level.LIMITS: ('sandbox = "off"\n', {}),
    Level.USER: ('sandbox = "off"\n', {"from_outside": True}),
    Level.CAGE: ('sandbox = "required"\n', {}),
}


class Shell(ScriptedCli):
    """A CLI named `hostile` that runs its prompt as a shell script."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True)
        self.directory = directory
        self.path = directory / "hostile"
        self.path.write_text("#!/bin/sh\nexec /bin/sh\n")
        self.path.chmod(0o755)


class Yard(Bench):
    """A Runner whose CLI is hostile, at a level the test chooses."""

    def __init__(self, db: Database, redis_url: str, place: Path, **settings: Any) -> None:
        super().__init__(
            db,
            redis_url,
            place / "data",
            Shell(place / "bin"),
            agent_user=USER,
            sandbox_floor=Level.USER,
            **settings,
        )
        self.place = place
        self.passed["ERRAND_AGENT_USER"] = USER
        for level, (toml, _) in ASKS.items():
            self.agent(f"at-{level.value}", f'cli = "hostile"\n{toml}')

    def missing(self, level: Level) -> str | None:
        """Return why this machine has no such level."""
        return Cage(self.settings, {"PATH": os.environ["PATH"]}).missing(level)

    def at(self, level: Level, script: str, **more: Any) -> Task:
        """Queue a script to be run at that level."""
        return self.queue(script, agent=f"at-{level.value}", cli="hostile", **ASKS[level][1], **more)

    def done(self, level: Level, script: str, **more: Any) -> tuple[Task, str]:
        """Run a script at that level; return the Task and what it printed."""
        task = self.at(level, script, **more)
        self.start(task).result(timeout=60)
        return self.task(task.id), self.output(task).decode("utf-8", "replace")

    def directory(self, task: Task) -> Path:
        """Return the directory of the Task's Session."""
        return self.settings.data_dir / "sessions" / task.session_id


def tree_of(task_id: TaskId) -> list[psutil.Process]:
    """Return the living processes of the Task, its supervisor left out, by a mark they cannot take off."""
    found = []
    for process in psutil.process_iter():
        try:
            marked = f":{task_id}:" in process.environ().get(MARK_VARIABLE, "")
            if marked and "--mark=" not in " ".join(process.cmdline()[:9]):
                found.append(process)
        except psutil.Error:
            continue
    return [process for process in found if process.is_running() and process.status() != "zombie"]


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory that any user can pass: pytest's own are closed to others."""
    path = Path(tempfile.mkdtemp(prefix="errand-cage-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def yard(sqlite_template: Path, redis_url: str, place: Path) -> Iterator[Yard]:
    """A Runner, its database in its data directory as on a laptop."""
    data = place / "data"
    data.mkdir()
    for file in sqlite_template.parent.glob("template.db*"):
        shutil.copy(file, data / file.name.replace("template", "errand"))
    db = Database(f"sqlite:///{data / 'errand.db'}")
    yard = Yard(db, redis_url, place)
    yield yard
    yard.close()
    yard.publisher.close()
    db.close()


@pytest.fixture
def server() -> Iterator["subprocess.Popen[bytes]"]:
    """A process of ours with secrets in its environment, as web and worker are."""
    env = {"DATABASE_URL": "postgres://planted-in-the-environment", "PATH": os.defpath}
    process = subprocess.Popen(["sleep", "600"], env=env)
    yield process
    process.send_signal(signal.SIGKILL)
    process.wait()
