"""One server for all tests of the `errand` command."""

from collections.abc import Iterator

import pytest

from tests.acceptance.conftest import Errand, Starter
from tests.fakes.scripted_cli import ScriptedCli


@pytest.fixture(scope="package")
def cli(tmp_path_factory: pytest.TempPathFactory) -> ScriptedCli:
    """A scripted `claude` for PATH."""
    return ScriptedCli(tmp_path_factory.mktemp("claude"))


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory, cli: ScriptedCli) -> Iterator[Errand]:
    """One bin/up with that CLI on its PATH, which every test leaves as it found it."""
    starter = Starter(tmp_path_factory.mktemp("server"))
    yield starter(path=cli.directory, env={"ERRAND_SHUTDOWN_GRACE": "1"})
    starter.stop_all()
