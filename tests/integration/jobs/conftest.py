"""A plant of its own for each module: its worker processes are shared by the module's tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_celery import CeleryTestWorker

from tests.integration.jobs.plant import Plant
from tests.services import RedisServer


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[Plant]:
    """A database and a Redis that the module's tests may stop, freeze and empty."""
    folder = tmp_path_factory.mktemp("plant")
    (folder / "redis").mkdir()
    server = RedisServer(folder / "redis")
    server.start()
    plant = Plant(folder, server, sqlite_template)
    yield plant
    if not server.running:
        server.start()
    plant.close()
    server.stop()


@pytest.fixture(scope="module")
def worker(plant: Plant) -> Iterator[CeleryTestWorker]:
    """A worker of four slots; a module that needs another one has a fixture of this name."""
    worker = plant.worker()
    yield worker
    worker.teardown()


@pytest.fixture(scope="module")
def control(plant: Plant) -> Iterator[CeleryTestWorker]:
    """The control process, whose beat starts the rescue job."""
    control = plant.control()
    yield control
    control.teardown()
