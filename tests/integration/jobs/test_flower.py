"""Flower over our workers: it sees who works and what ran, and never more of a Task than its id."""

import os
import re
import subprocess
from collections.abc import Iterator
from typing import Any

import httpx
import psutil
import pytest
from pytest_celery import CeleryTestWorker

from app.settings import PROJECT_ROOT
from tests.integration.jobs.plant import Plant
from tests.services import free_port
from tests.waiting import wait_until

_SECRET = "a-word-that-only-the-prompt-has"


@pytest.fixture(scope="module")
def flower(plant: Plant) -> Iterator[httpx.Client]:
    """A real Flower, there before the worker is: it only knows what it has heard."""
    port = free_port()
    options = (f"--port={port}", "--address=127.0.0.1", "--max_tasks=5000")
    handle = plant.start(
        "flower", "-A", "tasks.celery", "flower", *options, FLOWER_UNAUTHENTICATED_API="true"
    )
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10) as client:
        wait_until(lambda: _answers(client), 30, message="Flower answers")
        yield client
    # Flower may still be asking workers, and waits for their answers; how it ends is not ours to test.
    handle.stop(timeout=15)


def test_it_sees_the_worker_and_a_finished_job(
    flower: httpx.Client, worker: CeleryTestWorker, plant: Plant
) -> None:
    """The job shows as done by that worker; its only argument is the Task's id."""
    task = plant.ask({"say": _SECRET})
    plant.wait(task)

    [job] = wait_until(lambda: _finished(flower, task.id), 20, message="Flower shows the job")

    assert (job["name"], job["args"], job["kwargs"]) == ("tasks.run", f"['{task.id}']", "{}")
    assert job["worker"].startswith("worker@")
    assert job["result"] == "None"
    assert job["worker"] in flower.get("/api/workers", params={"refresh": "true"}).json()
    assert _SECRET not in flower.get("/api/tasks").text
    assert worker.container.status == "running"


def _answers(client: httpx.Client) -> bool:
    try:
        return client.get("/healthcheck").text == "OK"
    except httpx.TransportError:
        return False


def _finished(client: httpx.Client, task_id: str) -> list[dict[str, Any]]:
    jobs: dict[str, dict[str, Any]] = client.get("/api/tasks").json()
    return [job for job in jobs.values() if task_id in job["args"] and job["state"] == "SUCCESS"]


def test_with_a_password_it_lets_nobody_else_in(plant: Plant) -> None:
    """API-12: neither its pages nor its API; the password is in no process's arguments."""
    port = free_port()
    options = (f"--port={port}", "--address=127.0.0.1")
    password = "a-password-for-flower"
    handle = plant.start(
        "guarded", "-A", "tasks.celery", "flower", *options, FLOWER_BASIC_AUTH=f"admin:{password}"
    )
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10) as client:
        wait_until(lambda: _answers(client), 30, message="Flower answers")
        paths = ("/", "/workers", "/tasks", "/broker", "/api/tasks", "/api/workers")
        refused = {path: client.get(path).status_code for path in paths}
        wrong = client.get("/workers", auth=("admin", "wrong")).status_code
        right = client.get("/workers", auth=("admin", password)).status_code
    lines = ["\0".join(process.info["cmdline"] or ()) for process in psutil.process_iter(["cmdline"])]
    handle.stop(timeout=15)

    assert (set(refused.values()), wrong, right) == ({401}, 401, 200), refused
    assert not [line for line in lines if password in line]


@pytest.mark.parametrize(("auth", "address"), [("", "127.0.0.1"), ("admin:password", "0.0.0.0")])
def test_without_a_password_it_is_for_this_machine_alone(auth: str, address: str) -> None:
    """API-12: the Procfile's line as a shell reads it."""
    [line] = [
        one for one in (PROJECT_ROOT / "Procfile").read_text().splitlines() if one.startswith("flower:")
    ]
    [option] = re.findall(r"--address=\S.*?\)", line)
    said = subprocess.run(
        ["sh", "-c", f"echo {option}"],
        env={"PATH": os.environ["PATH"], "FLOWER_BASIC_AUTH": auth},
        capture_output=True,
        text=True,
        check=True,
    )

    assert said.stdout.strip() == f"--address={address}"
