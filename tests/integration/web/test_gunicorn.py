"""The composition root under the real server: gevent, patched, while what it works with hangs."""

import http.client
import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
from websocket import create_connection

from app.db import migrate
from app.db.engine import PATIENCE_WEB
from tests.fakes.github import deliveries as payloads
from tests.integration.web.conftest import BEARER, TOKEN
from tests.services import PostgresServer, free_port
from tests.waiting import wait_until

ROOT = Path(__file__).resolve().parents[3]


Serve = Callable[[str, str], int]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Start a web process on a database and a Redis; return its port. It has to end in order."""
    processes: list[subprocess.Popen[bytes]] = []

    def start(database_url: str, redis_url: str) -> int:
        number = free_port()
        ours = {
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            "ERRAND_ADMIN_TOKEN": TOKEN,
            "ERRAND_DATA_DIR": str(tmp_path),
        }
        command = [sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{number}", "wsgi:app"]
        environment = {**os.environ, **ours}
        processes.append(subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL))
        wait_until(lambda: answers(number), 20, message="gunicorn answers")
        return number

    yield start
    for process in processes:
        process.terminate()
        assert process.wait(20) == 0


def ask(port: int, method: str, path: str, body: Any = None, **more: Any) -> tuple[int, dict[str, Any]]:
    """Return the status and the JSON of an answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request(method, path, body, {**BEARER, "Content-Type": "application/json"}, **more)
    answer = connection.getresponse()
    content = json.loads(answer.read())
    connection.close()
    return answer.status, content


def answers(port: int) -> bool:
    """Whether the process is there."""
    try:
        return ask(port, "GET", "/healthz")[0] == 200
    except OSError:
        return False


def test_the_web_process_works_while_redis_hangs(serve: Serve, sqlite_url: str, hanging_redis: str) -> None:
    """Tasks are accepted at once; they can be read, watched and stopped; bodies have an end."""
    port = serve(sqlite_url, hanging_redis)
    started = time.monotonic()
    status, accepted = ask(port, "POST", "/api/chat", json.dumps({"message": "x", "agent": "demo"}))
    assert (status, accepted["state"]) == (202, "queued")
    assert time.monotonic() - started < 5  # a time-out of Redis less, on a machine that tests

    viewer = create_connection(f"ws://127.0.0.1:{port}{accepted['ws']}", header=BEARER, timeout=10)
    assert json.loads(viewer.recv())["task"]["id"] == accepted["task_id"]
    assert ask(port, "POST", f"/api/tasks/{accepted['task_id']}/cancel")[1]["state"] == "cancelled"
    assert json.loads(viewer.recv())["task"]["state"] == "cancelled"
    viewer.close()

    large = json.dumps({"message": "x" * 10 * 1024 * 1024}).encode()
    assert ask(port, "POST", "/api/chat", large)[0] == 413
    pieces = (large[at : at + 65_536] for at in range(0, len(large), 65_536))
    assert ask(port, "POST", "/api/chat", pieces, encode_chunked=True)[0] == 413
    assert ask(port, "GET", "/readyz") == (200, {"degraded": ["redis", "worker", "control"]})


def test_a_postgres_that_hangs_is_a_503_until_it_goes_on(
    serve: Serve, own_postgres: PostgresServer, redis_url: str
) -> None:
    """DB-02, as a frozen host: every call has an answer in seconds, and none needs a restart afterwards."""
    migrate.upgrade(own_postgres.url())
    port = serve(own_postgres.url(), redis_url)
    assert ask(port, "GET", "/api/tasks")[0] == 200
    calls = [("GET", "/readyz"), ("GET", "/api/tasks"), ("POST", "/api/chat")] * 10

    own_postgres.pause()
    began = time.monotonic()
    with ThreadPoolExecutor(len(calls)) as crowd:
        found = list(crowd.map(lambda call: _call(port, *call), calls))
    took = time.monotonic() - began
    alive = ask(port, "GET", "/healthz")[0]
    own_postgres.resume()

    assert {(status, answer["reason"]) for status, answer in found} == {(503, "unavailable")}
    assert took < 3 * PATIENCE_WEB
    assert alive == 200
    wait_until(lambda: _call(port, "POST", "/api/chat")[0] == 202, 15, message="it takes tasks again")


def test_a_locked_sqlite_stops_writers_only(serve: Serve, sqlite_url: str, redis_url: str) -> None:
    """DB-01, longer than anybody waits: writers are told to come back, and reading goes on meanwhile."""
    port = serve(sqlite_url, redis_url)
    with closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with ThreadPoolExecutor(25) as crowd:
            writers = [crowd.submit(_call, port, "POST", "/api/chat") for _ in range(25)]
            slowest = max(_seconds(port, path) for path in ("/readyz", "/api/tasks", "/api/status") * 3)
            answered = [writer.result() for writer in writers]
        other.execute("ROLLBACK")

    assert slowest < 2
    assert {(status, answer["reason"]) for status, answer in answered} == {(503, "unavailable")}
    assert _call(port, "POST", "/api/chat")[0] == 202


def _call(port: int, method: str, path: str) -> tuple[int, dict[str, Any]]:
    return ask(port, method, path, json.dumps({"message": "x"}) if method == "POST" else None)


def _seconds(port: int, path: str) -> float:
    began = time.monotonic()
    assert ask(port, "GET", path)[0] == 200
    return time.monotonic() - began


def test_a_webhook_without_end_costs_no_memory(
    serve: Serve, sqlite_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """WH-07: too long, longer than it says, and a stream that goes on; the process stays small."""
    monkeypatch.setenv("GITHUB_WEBHOOK_SECRET", payloads.SECRET)
    port = serve(sqlite_url, redis_url)
    headers = payloads.headers("ping", b"{}")
    lies = payloads.encode(payloads.comment("@agent look"))
    signed = payloads.headers("issue_comment", lies)
    address = ("127.0.0.1", port)
    before = resident(port)

    for _ in range(3):
        assert webhook(address, headers, iter([b" " * 65_536] * 416)) == 413  # 26 MB in chunks
        assert webhook(address, headers, b" " * 26 * 1024 * 1024) == 413
        assert webhook(address, {**signed, "Content-Length": "20"}, lies) == 401

    assert resident(port) - before < 50 * 1024 * 1024
    assert webhook(address, signed, lies) == 202


def test_what_is_announced_too_large_is_refused_before_it_comes(
    serve: Serve, sqlite_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """WH-07: who waits for the answer, or stops in the middle, gets it all the same."""
    monkeypatch.setenv("GITHUB_WEBHOOK_SECRET", payloads.SECRET)
    port = serve(sqlite_url, redis_url)
    headers = {**payloads.headers("ping", b"{}"), "Content-Length": str(26 * 1024 * 1024)}

    for part in (b"", b" " * 1024 * 1024):
        assert webhook(("127.0.0.1", port), headers, part) == 413


def webhook(address: tuple[str, int], headers: dict[str, str], body: Any) -> int:
    """Return the status that a delivery gets; of a body that nobody reads to its end too."""
    connection = http.client.HTTPConnection(*address, timeout=20)
    try:
        with suppress(OSError):
            connection.request("POST", "/webhooks/github", body, headers, encode_chunked=_chunked(body))
        return connection.getresponse().status
    finally:
        connection.close()


def _chunked(body: Any) -> bool:
    return body is not None and not isinstance(body, bytes)


def resident(port: int) -> int:
    """Return the bytes in memory of the server at `port`, its workers included."""
    ours = psutil.Process().children(recursive=True)
    return sum(one.memory_info().rss for one in ours if f"127.0.0.1:{port}" in " ".join(one.cmdline()))
