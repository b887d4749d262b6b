"""A worker whose Tasks come from GitHub: a real Runner in this process."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.domain.sandbox import Level
from app.domain.task import Task
from app.github.access import AppAccess
from app.github.assignment import Assignments
from app.github.ours import Ours
from app.runner.cage import Cage
from app.settings import Settings
from tests.fakes.committer import Committer
from tests.fakes.github.server import FakeGitHub
from tests.fakes.github.state import Repository
from tests.integration.github.desk import Desk
from tests.integration.runner.conftest import Bench


class Workshop(Bench):
    """A worker whose Tasks come from GitHub."""

    def home(self, task: Task) -> Path:
        """Return the CLI's home."""
        return self.settings.data_dir / "sessions" / task.session_id / "home"

    def prompt(self, task: Task) -> str:
        """Return what the CLI was told."""
        return (self.home(task) / "prompt").read_text()


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory that any user can pass."""
    path = Path(tempfile.mkdtemp(prefix="errand-work-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def desk(place: Path, github: FakeGitHub, access: AppAccess, hello: Repository) -> Desk:
    """Rows, and who keeps the Replies."""
    (place / "data").mkdir()
    return Desk(place / "data", github, access, hello)


@pytest.fixture
def cli(place: Path) -> Committer:
    """The agent's CLI."""
    return Committer(place / "bin")


@pytest.fixture
def shop(desk: Desk, redis_url: str, place: Path, cli: Committer) -> Iterator[Workshop]:
    """The worker."""
    made = Workshop(desk.db, redis_url, place / "data", cli, agent_user="nobody", sandbox_floor=level())
    source = Assignments(desk.db, Ours(desk.access, desk.github.git_url), desk.mirrors, made.known)
    made.runner._source = source
    yield made
    made.close()
    made.publisher.close()
    desk.db.close()


def level() -> Level:
    """The cage where this machine has one: it is what Tasks from outside need."""
    missing = Cage(Settings(), {"PATH": os.environ["PATH"]}).missing(Level.CAGE)
    return Level.LIMITS if missing else Level.CAGE
