"""bin/up from outside: it starts all of it, keeps it running, and leaves nothing."""

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import unquote

import httpx
import psutil
import pytest

from app.db import migrate
from tests.waiting import wait_until

from .cli.command import ERRAND
from .conftest import Errand, Starter, is_alive

_PARTS = ("valkey-server", "-Q runs", "-Q control", "wsgi:app")


def test_it_starts_everything_and_says_where(shared_errand: Errand) -> None:
    """One URL with a link that is good once; behind it a server that lacks nothing."""
    assert shared_errand.log.count("http://") == 1
    assert shared_errand.token == (shared_errand.data / "admin-token").read_text().strip()
    assert shared_errand.fragment != shared_errand.token
    assert httpx.get(f"{shared_errand.url}/readyz").json() == {"degraded": []}
    for part in _PARTS:
        assert shared_errand.named(part), part
    with shared_errand.client() as client:
        assert client.get("/api/status").status_code == 200


def test_no_secret_is_in_an_argv_or_in_the_log(shared_errand: Errand) -> None:
    """Everybody on the machine can read argv; the URL to open is the only place of the token."""
    lines = [" ".join(process.cmdline()) for process in shared_errand.tree()]
    environment = shared_errand.named("-Q runs")[0].environ()
    password = environment["REDIS_URL"].split(":")[2].split("@")[0]

    assert password
    assert not any(password in line or shared_errand.token in line for line in lines)
    assert password not in shared_errand.log
    assert shared_errand.token not in shared_errand.log
    assert shared_errand.log.count(shared_errand.fragment) == 1


def test_the_printed_link_signs_in_once(start_errand: Starter) -> None:
    """UI-06: then it says so; `errand link` makes another, and each start, which ends the older one."""
    first = start_errand()

    def use(errand: Errand, secret: str) -> httpx.Response:
        return httpx.post(f"{errand.url}/login", json={"token": secret})

    assert use(first, first.fragment).json() == {"name": "admin", "role": "admin", "next": "/"}
    again = use(first, first.fragment)
    assert (again.status_code, again.json()["reason"]) == (401, "link_spent")
    made = _errand_link(first)
    first.stop()
    second = start_errand()

    assert use(second, made).json()["reason"] == "link_spent"
    assert use(second, second.fragment).status_code == 200


def test_a_token_that_was_set_is_the_one_in_the_url(start_errand: Starter) -> None:
    """As often as one likes, and as a bearer."""
    errand = start_errand(env={"ERRAND_ADMIN_TOKEN": "chosen for this test"})

    for _ in range(3):
        assert httpx.post(f"{errand.url}/login", json={"token": "chosen for this test"}).status_code == 200
    assert unquote(errand.fragment) == "chosen for this test"
    assert not (errand.data / "admin-token").exists()


def test_without_a_sign_in_only_this_machine_is_answered(start_errand: Starter) -> None:
    """On purpose (ERRAND_AUTH=none): no token, but neither another name nor another site's page gets in."""
    errand = start_errand(env={"ERRAND_AUTH": "none"}, ready=False)
    wait_until(lambda: "Errand is ready: http" in errand.log, 60, message="bin/up prints its URL")
    assert "#token" not in errand.log
    url = errand.log.split("Errand is ready: ")[1].split("/\n")[0]
    chat = {"message": "x", "agent": "demo"}

    assert httpx.get(f"{url}/api/tasks").status_code == 200
    assert 'data-via="open"' in httpx.get(f"{url}/").text
    doctor = subprocess.run(
        [ERRAND, "doctor", "--json"], capture_output=True, env={**os.environ, "ERRAND_URL": url}, check=False
    )
    assert "sign-in" in [finding["check"] for finding in json.loads(doctor.stdout)["findings"]]
    assert any("There is no sign-in" in line for line in httpx.get(f"{url}/api/status").json()["problems"])
    assert "There is no sign-in" in httpx.get(f"{url}/settings").text
    assert httpx.post(f"{url}/api/chat", json=chat).status_code == 202
    for headers in ({"Host": "evil.test"}, {"X-Forwarded-For": "10.0.0.1"}):
        assert httpx.get(f"{url}/api/tasks", headers=headers).status_code == 403
    foreign = httpx.post(f"{url}/api/chat", json=chat, headers={"Origin": "https://evil.test"})
    assert (foreign.status_code, foreign.json()["reason"]) == (403, "csrf")


def test_without_a_sign_in_there_is_no_public_address(start_errand: Starter) -> None:
    """It refuses to start, with the two settings that do not go together."""
    errand = start_errand(
        env={"ERRAND_AUTH": "none", "ERRAND_PUBLIC_URL": "https://errand.example"}, ready=False
    )

    assert errand.process.wait(20) == 1
    assert "ERRAND_AUTH is not valid" in errand.log


def _errand_link(errand: Errand) -> str:
    """Return what `errand link` makes on the machine."""
    program = Path(sys.executable).parent / "errand"
    env = {**os.environ, "ERRAND_DATA_DIR": str(errand.data)}
    made = subprocess.run([program, "link"], env=env, capture_output=True, text=True, check=True, timeout=30)
    return made.stdout.strip().partition("#token=")[2]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_asked_to_stop_it_stops_all_of_it(errand_up: Errand, number: int) -> None:
    """Idle, that takes seconds; nothing is left, and the status is 0. All others here are ended by SIGINT."""
    seconds = errand_up.stop(number)

    assert errand_up.process.returncode == 0
    assert seconds < 25
    assert "Stopped." in errand_up.log
    assert "Traceback" not in errand_up.log


def test_asked_while_it_starts_it_stops(start_errand: Starter) -> None:
    """Ctrl-C needs no patience."""
    errand = start_errand(ready=False)
    wait_until(lambda: "Starting the worker" in errand.log, 30, message="it starts things")

    errand.stop()

    assert errand.process.returncode == 0


def test_killed_it_takes_everything_along(start_errand: Starter) -> None:
    """Its own SIGKILL ends all of it within seconds, and the next one starts at once: it waits for that."""
    first = start_errand()
    tree = first.tree()
    first.process.kill()

    second = start_errand()

    gone, alive = psutil.wait_procs(tree, timeout=10)
    assert alive == []
    assert len(gone) == len(tree)
    wait_until(lambda: _degraded(second) == [], 20, message="nothing is missing")


@pytest.mark.parametrize("part", _PARTS)
def test_what_dies_is_started_again(shared_errand: Errand, part: str) -> None:
    """A SIGKILL of any of its processes is mended and the server lacks nothing again."""
    before = shared_errand.named(part)

    min(before, key=lambda process: process.create_time()).kill()

    _is_mended(shared_errand, part, before)


@pytest.mark.parametrize("part", _PARTS)
def test_what_lost_its_supervisor_is_ended_and_started_again(shared_errand: Errand, part: str) -> None:
    """There are never two of one: what a killed supervisor leaves is found, ended, and replaced."""
    before = shared_errand.named(part)

    shared_errand.supervisor_of(part).kill()

    _is_mended(shared_errand, part, before)


def _is_mended(errand: Errand, part: str, before: list[psutil.Process]) -> None:
    wait_until(lambda: not any(map(is_alive, before)), 20, message=f"the old {part} is gone")
    wait_until(lambda: errand.named(part), 20, message=f"{part} runs again")
    wait_until(lambda: _degraded(errand) == [], 40, message="nothing is missing")


def test_the_next_start_is_quick_and_has_all_the_data(start_errand: Starter) -> None:
    """A task that was there is there, and so is the token."""
    first = start_errand()
    with first.client() as client:
        task = client.post("/api/chat", json={"message": "hello", "agent": "demo"}).json()["task_id"]
    token = first.token
    first.stop()

    begun = time.monotonic()
    second = start_errand()

    assert time.monotonic() - begun < 30  # a hang, not a speed: that is 2.4 s on a machine doing nothing else
    assert second.token == token
    with second.client() as client:
        wait_until(lambda: client.get(f"/api/tasks/{task}").json()["state"] == "completed", 20)


def test_two_with_two_data_dirs_live_side_by_side(start_errand: Starter, tmp_path: Path) -> None:
    """They share nothing but the checkout."""
    one, two = start_errand(data=tmp_path / "one"), start_errand(data=tmp_path / "two")

    assert one.url != two.url
    assert _degraded(one) == _degraded(two) == []


def test_a_second_one_in_the_same_data_dir_is_refused(shared_errand: Errand, start_errand: Starter) -> None:
    """The sentence names the first one's process."""
    second = start_errand(data=shared_errand.data, ready=False)

    assert second.process.wait(20) == 1
    assert f"in use by another bin/up (process {shared_errand.pid})" in second.log
    assert "Traceback" not in second.log


def test_a_taken_port_is_refused(start_errand: Starter) -> None:
    """The sentence names the port and the option."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        errand = start_errand(arguments=("--port", str(port)), ready=False)

        assert errand.process.wait(20) == 1

    assert f"Port {port} is taken" in errand.log
    assert "--port" in errand.log
    assert "Traceback" not in errand.log


def test_a_data_dir_that_can_not_be_written_is_refused(start_errand: Starter, tmp_path: Path) -> None:
    """The sentence names the folder."""
    (tmp_path / "file").write_text("")
    errand = start_errand(data=tmp_path / "file" / "data", ready=False)

    assert errand.process.wait(20) == 1
    assert f"Can't write to {tmp_path / 'file' / 'data'}" in errand.log
    assert "Traceback" not in errand.log


def test_a_database_of_a_newer_version_is_refused(start_errand: Starter, tmp_path: Path) -> None:
    """A newer Errand's rows are not touched."""
    file = tmp_path / "newer" / "errand.db"
    file.parent.mkdir()
    migrate.upgrade(f"sqlite:///{file}")
    with sqlite3.connect(file) as database:
        database.execute("UPDATE alembic_version SET version_num = 'from-the-future'")
    database.close()

    errand = start_errand(data=file.parent, ready=False)

    assert errand.process.wait(30) == 1
    assert "newer version of Errand" in errand.log
    assert "Traceback" not in errand.log


def test_a_setting_that_is_not_valid_is_named(start_errand: Starter) -> None:
    """One sentence instead of a traceback."""
    errand = start_errand(env={"ERRAND_CONCURRENCY": "many"}, ready=False)

    assert errand.process.wait(20) == 1
    assert "ERRAND_CONCURRENCY is not valid" in errand.log
    assert "Traceback" not in errand.log


def test_the_log_is_lines_of_one_format(shared_errand: Errand) -> None:
    """What its own processes log is JSON through a pipe, each naming its process."""
    lines = [json.loads(line) for line in shared_errand.log.splitlines() if line.startswith("{")]

    assert {line["process"] for line in lines} <= {"web", "worker", "control"}
    assert lines
    assert all("event" in line for line in lines)


def _degraded(errand: Errand) -> list[str] | None:
    try:
        found: list[str] = httpx.get(f"{errand.url}/readyz", timeout=5).json()["degraded"]
    except (httpx.HTTPError, ValueError, KeyError):
        return None
    return found
