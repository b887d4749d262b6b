"""The stand-in for GitHub, with a repository; whatever is asked and answered is as GitHub describes it."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.db.engine import Database
from app.github.access import AppAccess, Scope
from app.github.client import Client
from tests.fakes.github.server import FakeGitHub
from tests.fakes.github.state import Json, Repository, account
from tests.integration.github.house import Errand

#: Seconds to connect and between two bytes: more than a busy machine ever takes.
TIMEOUTS = (15.0, 15.0)
MONA: Json = account("mona", 7)


@pytest.fixture
def github(tmp_path: Path) -> Iterator[FakeGitHub]:
    """A running stand-in."""
    with FakeGitHub(tmp_path / "github") as running:
        yield running
    assert running.problems == []


@pytest.fixture
def hello(github: FakeGitHub) -> Repository:
    """A repository with an issue (1), a branch `topic` and its pull request (2)."""
    made = github.add_repository("octo/hello", {"README.md": "Hello\n"}, roles={"mona": "maintain"})
    made.add_issue("It breaks", "Every time.", MONA, labels=("agent", "bug"))
    made.change("topic", {"README.md": "Bye\n"})
    made.add_pull("A change", "", MONA, head="topic")
    return made


@pytest.fixture
def timeouts() -> tuple[float, float]:
    """How long a call waits; tests of what takes too long have less patience."""
    return TIMEOUTS


@pytest.fixture
def access(github: FakeGitHub, timeouts: tuple[float, float]) -> AppAccess:
    """The App's access."""
    return AppAccess(github.app_id, github.app_key, github.api_url, timeouts=timeouts)


@pytest.fixture
def reader(access: AppAccess, hello: Repository) -> Client:
    """A Client that reads."""
    return Client(access.api(hello.full_name, Scope.READ), hello.full_name)


@pytest.fixture
def replier(access: AppAccess, hello: Repository) -> Client:
    """A Client that answers."""
    return Client(access.api(hello.full_name, Scope.REPLY), hello.full_name)


@pytest.fixture
def checker(access: AppAccess, hello: Repository) -> Client:
    """A Client that tells of checks."""
    return Client(access.api(hello.full_name, Scope.CHECK), hello.full_name)


@pytest.fixture
def pusher(access: AppAccess, hello: Repository) -> Client:
    """A Client that pushes."""
    return Client(access.api(hello.full_name, Scope.PUSH), hello.full_name)


@pytest.fixture
def errand(database_url: str, github: FakeGitHub, hello: Repository, tmp_path: Path) -> Iterator[Errand]:
    """An Errand over each kind of database."""
    db = Database(database_url)
    yield Errand(db, github, hello, tmp_path)
    db.close()
    shutil.rmtree(tmp_path / "data", ignore_errors=True)
