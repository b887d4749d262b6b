"""Each line of the Procfile, run once as written, with PostgreSQL and Redis."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from app.db import migrate
from app.db.engine import Database
from tests.services import PostgresServer, RedisServer, free_port
from tests.waiting import wait_until

from .platform import GRACE, Platform, lines

_TOKEN = "an-admin-token-for-tests"
_SERVERS = ("web", "worker", "control", "flower")


@pytest.fixture(scope="module")
def database(postgres_server: PostgresServer) -> Iterator[str]:
    """An empty database, named as Heroku names them."""
    name = postgres_server.create()
    yield postgres_server.dsn(name).replace("postgresql://", "postgres://")
    postgres_server.drop(name)


@pytest.fixture(scope="module")
def ports() -> dict[str, int]:
    """Who listens where."""
    return {"web": free_port(), "flower": free_port()}


@pytest.fixture(scope="module")
def platform(
    database: str, ports: dict[str, int], redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Platform]:
    """The release has run, and one process of each kind runs."""
    folder = tmp_path_factory.mktemp("platform")
    platform = Platform(
        folder,
        {
            "DATABASE_URL": database,
            "REDIS_URL": redis_server.new_database(),
            "ERRAND_ADMIN_TOKEN": _TOKEN,
            "SECRET_KEY": "a-secret-key-for-tests",
            "ERRAND_DATA_DIR": str(folder / "data"),
            "TMPDIR": str(folder),
            # What a platform's router reaches from outside stays on this machine here.
            "GUNICORN_CMD_ARGS": f"--bind 127.0.0.1:{ports['web']}",
            "FLOWER_UNAUTHENTICATED_API": "true",
        },
    )
    try:
        assert platform.run("release") == 0, platform.log("release")
        for name in _SERVERS:
            platform.start(name, PORT=str(ports.get(name, 1)))
        yield platform
    finally:
        platform.close()


@pytest.fixture(scope="module")
def web(platform: Platform, ports: dict[str, int]) -> Iterator[httpx.Client]:
    """A client of the web process, signed in, once nothing is missing behind it."""
    headers = {"Authorization": f"Bearer {_TOKEN}"}
    with httpx.Client(base_url=f"http://127.0.0.1:{ports['web']}", headers=headers, timeout=10) as client:
        wait_until(lambda: _get(client, "/readyz") == {"degraded": []}, 40, message=platform.log("web"))
        yield client


def test_the_procfile_names_what_there_is() -> None:
    """The release, and the servers that are tried here."""
    assert tuple(lines()) == ("release", *_SERVERS)


def test_the_release_can_run_again(platform: Platform, database: str) -> None:
    """Each deploy runs it; on a schema that is there it changes nothing."""
    assert platform.run("release") == 0

    db = Database(database.replace("postgres://", "postgresql+psycopg2://"))
    db.read(migrate.check)
    db.close()


def test_a_task_goes_from_web_to_worker_and_back(web: httpx.Client) -> None:
    """Asked over REST, run by the worker, answered over REST."""
    asked = web.post("/api/chat", json={"message": "hello", "agent": "demo"})
    assert asked.status_code == 202

    path = f"/api/tasks/{asked.json()['task_id']}"
    wait_until(lambda: _get(web, path)["state"] == "completed", 30, message=path)
    assert _get(web, path)["result"]


def test_control_is_there_and_beats(
    web: httpx.Client, platform: Platform, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """It reports itself beside the worker, and its schedule is where the line says."""
    roles = {machine["role"] for machine in _get(web, "/api/machines")["items"]}

    assert roles == {"worker", "control"}
    assert list(tmp_path_factory.getbasetemp().glob("platform*/errand-beat*"))
    assert platform.running("control")
    assert '"process": "control"' in platform.log("control")
    assert '"process": "worker"' not in platform.log("control")


def test_flower_sees_both_workers(platform: Platform, ports: dict[str, int]) -> None:
    """It answers on its port, on loopback as long as no password is set."""
    with httpx.Client(base_url=f"http://127.0.0.1:{ports['flower']}", timeout=10) as client:
        wait_until(
            lambda: len(_get(client, "/api/workers", refresh="true")) == 2, 30, message=platform.log("flower")
        )


@pytest.mark.usefixtures("web")
@pytest.mark.parametrize("name", _SERVERS)
def test_asked_to_stop_it_stops_in_time(name: str, platform: Platform) -> None:
    """SIGTERM to all its processes: status 0, long before the platform's patience ends, and a clean log."""
    assert platform.running(name), platform.log(name)

    status, seconds = platform.stop(name)

    if name == "flower":
        return  # it may still be asking workers, and waits for them; how it ends is not ours
    assert status == 0, platform.log(name)
    assert seconds < GRACE / 2
    assert "Traceback" not in platform.log(name)
    assert '"level": "error"' not in platform.log(name)


def _get(client: httpx.Client, path: str, **query: str) -> dict[str, Any]:
    try:
        answer = client.get(path, params=query)
        found: dict[str, Any] = answer.json()
    except (httpx.TransportError, ValueError):
        return {}
    return found
