"""The composition root under the real server: gevent, patched, with its Redis hanging."""

import http.client
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from websocket import create_connection

from tests.integration.web.conftest import BEARER, TOKEN
from tests.services import free_port
from tests.waiting import wait_until

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def port(sqlite_url: str, hanging_redis: str, tmp_path: Path) -> Iterator[int]:
    """The port of a web process whose Redis accepts and never answers."""
    number = free_port()
    ours = {
        "DATABASE_URL": sqlite_url,
        "REDIS_URL": hanging_redis,
        "ERRAND_ADMIN_TOKEN": TOKEN,
        "ERRAND_DATA_DIR": str(tmp_path),
    }
    command = [sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{number}", "wsgi:app"]
    with subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, **ours}, stdout=subprocess.DEVNULL
    ) as process:
        wait_until(lambda: answers(number), 20, message="gunicorn answers")
        yield number
        process.terminate()
        process.wait(20)
    assert process.returncode == 0


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


def test_the_web_process_works_while_redis_hangs(port: int) -> None:
    """Tasks are accepted within a second; they can be read, watched and stopped; bodies have an end."""
    started = time.monotonic()
    status, accepted = ask(port, "POST", "/api/chat", json.dumps({"message": "x", "agent": "demo"}))
    assert (status, accepted["state"]) == (202, "queued")
    assert time.monotonic() - started < 1

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
