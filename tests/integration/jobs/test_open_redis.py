"""A Redis that anybody in its network may use is not refused, and not passed over in silence."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from app.settings import PROJECT_ROOT
from tests.integration.jobs.plant import CELERY
from tests.services import free_port
from tests.waiting import wait_until

#: In a network that is for documents: nobody answers there.
_ELSEWHERE = "redis://192.0.2.1:6379/0"
_WORKER = (CELERY, "-q", "-A", "tasks.celery", "worker", "-Q", "runs", "-P", "threads", "-c", "1")
_PORT = free_port()
_WEB = (sys.executable, "-m", "gunicorn", "wsgi:app", "--bind", f"127.0.0.1:{_PORT}")


@pytest.mark.parametrize("program", [_WORKER, _WEB], ids=["worker", "web"])
@pytest.mark.parametrize("password", [False, True], ids=["open", "with a password"])
def test_each_process_says_so_at_its_start(
    program: tuple[str, ...],
    password: bool,  # noqa: FBT001
    sqlite_url: str,
    tmp_path: Path,
) -> None:
    """DB-07: one line that names the setting and what to do; with a password there is none."""
    url = _ELSEWHERE.replace("//", "//:a-password-of-redis@") if password else _ELSEWHERE
    env = {**os.environ, "REDIS_URL": url, "DATABASE_URL": sqlite_url, "ERRAND_DATA_DIR": str(tmp_path)}
    log_path = tmp_path / "log"
    with log_path.open("wb") as log:
        process = subprocess.Popen(program, cwd=PROJECT_ROOT, env=env, stdout=log, stderr=log)
    try:
        wait_until(lambda: _started(program, log_path.read_text()), 30, message="it started")
    finally:
        process.kill()
        process.wait()
    said = log_path.read_text()

    assert ('"redis_open"' in said) is not password
    assert ("Set a password there" in said) is not password
    assert "a-password-of-redis" not in said


def _started(program: tuple[str, ...], log: str) -> bool:
    if program is _WORKER:
        return "machine_ready" in log
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", _PORT)) == 0
