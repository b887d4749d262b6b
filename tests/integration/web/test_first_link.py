"""The first way in under a Procfile: one link in the log, however many processes start."""

import os
import re
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from app.db import migrate
from app.settings import PROJECT_ROOT, InvalidSetting, Settings
from app.web.open_door import refuse_an_open_door
from tests.services import free_port
from tests.waiting import wait_until

_LINK = re.compile(r"/#token=([\w-]+)")


class _Dyno:
    """gunicorn with two workers and nothing set but where the rows are."""

    def __init__(self, folder: Path, name: str, url: str, redis_url: str, **env: str) -> None:
        self.port = free_port()
        self._log = folder / f"{name}.log"
        ours = {"DATABASE_URL": url, "REDIS_URL": redis_url, "WEB_CONCURRENCY": "2", **env}
        data = {"ERRAND_DATA_DIR": str(folder / "data"), "PORT": str(self.port)}
        bind = env.get("BIND", "127.0.0.1")
        command = [sys.executable, "-m", "gunicorn", "wsgi:app", "--bind", f"{bind}:{self.port}"]
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                command, cwd=PROJECT_ROOT, env={**os.environ, **ours, **data}, stdout=log, stderr=log
            )

    @property
    def log(self) -> str:
        return self._log.read_text()

    def answers(self) -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{self.port}/healthz").status_code == 200
        except httpx.TransportError:
            return False

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(20)


def test_two_processes_of_two_workers_print_one_link(
    tmp_path: Path, empty_postgres_url: str, redis_url: str
) -> None:
    """UI-06: they wait for the schema, one prints, it signs in once; a later one prints none."""
    url = empty_postgres_url.replace("postgresql+psycopg2", "postgres")
    dynos = [_Dyno(tmp_path, name, url, redis_url) for name in ("one", "two")]
    try:
        for dyno in dynos:
            wait_until(dyno.answers, 30, message=dyno.log)
        migrate.upgrade(empty_postgres_url)
        wait_until(lambda: any(_LINK.search(dyno.log) for dyno in dynos), 20, message="a link")
        dynos.append(_Dyno(tmp_path, "late", url, redis_url))
        wait_until(dynos[-1].answers, 30, message=dynos[-1].log)
        found = [secret for dyno in dynos for secret in _LINK.findall(dyno.log)]
        base = f"http://127.0.0.1:{dynos[-1].port}"
        statuses = [httpx.post(f"{base}/login", json={"token": found[0]}).status_code for _ in range(2)]
    finally:
        for dyno in dynos:
            dyno.stop()

    assert len(found) == 1
    assert statuses == [200, 401]


def test_where_a_token_was_set_there_is_no_link(tmp_path: Path, sqlite_url: str, redis_url: str) -> None:
    """Who set it knows it."""
    dyno = _Dyno(tmp_path, "set", sqlite_url, redis_url, ERRAND_ADMIN_TOKEN="one")
    try:
        wait_until(dyno.answers, 30, message=dyno.log)
        status = httpx.get(f"http://127.0.0.1:{dyno.port}/api/tasks", headers={"Authorization": "Bearer one"})
    finally:
        dyno.stop()

    assert status.status_code == 200
    assert "#token" not in dyno.log


def test_without_a_sign_in_it_does_not_listen_to_the_world(
    tmp_path: Path, sqlite_url: str, redis_url: str
) -> None:
    """DB-07, its half about access: ERRAND_AUTH=none beyond loopback ends with a sentence."""
    dyno = _Dyno(tmp_path, "open", sqlite_url, redis_url, ERRAND_AUTH="none", BIND="0.0.0.0")

    assert dyno.process.wait(30) != 0
    assert "ERRAND_AUTH is not valid" in dyno.log
    assert "127.0.0.1 only" in dyno.log
    assert "Traceback" not in dyno.log


@pytest.mark.parametrize(
    ("addresses", "refused"),
    [
        ([("127.0.0.1", 1)], False),
        ([("localhost", 1), ("::1", 1)], False),
        (["/run/errand.sock"], False),
        ([("0.0.0.0", 1)], True),
        ([("", 1)], True),
        ([("127.0.0.1", 1), ("10.0.0.1", 1)], True),
        ([("errand.example", 1)], True),
    ],
)
def test_what_counts_as_this_machine(addresses: list[object], *, refused: bool) -> None:
    """Loopback by number or by its one name; everything else is the world."""
    settings = Settings(_env_file=None, auth="none")

    if refused:
        with pytest.raises(InvalidSetting, match=r"127\.0\.0\.1 only"):
            refuse_an_open_door(settings, addresses)
    else:
        refuse_an_open_door(settings, addresses)
    refuse_an_open_door(Settings(_env_file=None), addresses)
