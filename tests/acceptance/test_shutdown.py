"""bin/up is stopped while CLIs run: nothing of them is left, and their tasks go on with the next start."""

import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path

import httpx
import psutil
import pytest

from tests.fakes.scripted_cli import ScriptedCli, script
from tests.waiting import wait_until

from .conftest import Errand, Starter

_RUNNING = 5


@pytest.fixture
def cli(tmp_path: Path) -> ScriptedCli:
    """A `claude` that takes no notice of SIGTERM, leaves children behind, and waits for ever."""
    return ScriptedCli(tmp_path / "bin")


@pytest.fixture
def go(tmp_path: Path) -> Path:
    """Once there is this file, the CLIs finish."""
    return tmp_path / "go"


@pytest.fixture
def start(start_errand: Starter, cli: ScriptedCli) -> Callable[[], Errand]:
    """Start bin/up with that CLI on PATH and a place for each run."""
    env = {"ERRAND_CONCURRENCY": str(_RUNNING), "ERRAND_SHUTDOWN_GRACE": "3", "ERRAND_LEASE_SECONDS": "5"}
    return partial(start_errand, path=cli.directory, env=env)


def _stubborn(go: Path) -> str:
    return script(
        {"ignore": ["SIGTERM", "SIGINT", "SIGHUP"]},
        {"fork": "session"},
        {"fork": "daemon"},
        {"texts": 3},
        {"wait_for": str(go)},
        {"texts": 2},
    )


def _ask(client: httpx.Client, message: str) -> list[str]:
    return [_post(client, message) for _ in range(_RUNNING)]


def _states(client: httpx.Client, tasks: list[str]) -> set[str]:
    return {client.get(f"/api/tasks/{task}").json()["state"] for task in tasks}


def _run_five(errand: Errand, cli: ScriptedCli, go: Path) -> list[str]:
    with errand.client() as client:
        tasks = _ask(client, _stubborn(go))
    wait_until(lambda: len(cli.starts) == _RUNNING, 20, message="all CLIs run")
    wait_until(lambda: len(cli.children) == 2 * _RUNNING, 20, message="all children run")
    return tasks


def _left(cli: ScriptedCli) -> list[int]:
    pids = [line["pid"] for line in (*cli.starts, *cli.children)]
    return [pid for pid in pids if psutil.pid_exists(pid)]


def _go_on(errand: Errand, tasks: list[str], go: Path) -> None:
    go.touch()
    with errand.client() as client:
        wait_until(lambda: _states(client, tasks) == {"completed"}, 25, message="all tasks completed")


@pytest.mark.timeout(150)
def test_stopped_with_running_clis_nothing_is_left_and_the_tasks_go_on(
    start: Callable[[], Errand], cli: ScriptedCli, go: Path
) -> None:
    """Within the grace and five seconds all is gone; the next start finishes every task."""
    errand = start()
    tasks = _run_five(errand, cli, go)

    assert errand.stop() < 3 + 5 + 2  # two for a machine that tests on the side
    assert _left(cli) == []

    _go_on(start(), tasks, go)


@pytest.mark.timeout(150)
def test_a_restart_of_everything_runs_what_waited_once_each(
    start_errand: Starter, cli: ScriptedCli, go: Path
) -> None:
    """Q-03: two run and twenty wait; after the next start the two go on, and each of the twenty runs once."""
    env = {"ERRAND_CONCURRENCY": "2", "ERRAND_SHUTDOWN_GRACE": "3"}
    errand = start_errand(path=cli.directory, env=env)
    with errand.client() as client:
        running = [_post(client, script({"texts": 2}, {"wait_for": str(go)})) for _ in range(2)]
        wait_until(lambda: len(cli.starts) == 2, 20, message="both run")
        waiting = [_post(client, script({"texts": 1})) for _ in range(20)]
    errand.stop()
    assert _left(cli) == []

    again = start_errand(path=cli.directory, env=env)
    go.touch()
    with again.client() as client:
        wait_until(lambda: _states(client, running + waiting) == {"completed"}, 60, message="all completed")
        attempts = {
            task: len(client.get(f"/api/tasks/{task}").json()["attempts"]) for task in running + waiting
        }
    assert attempts == dict.fromkeys(running, 2) | dict.fromkeys(waiting, 1)
    assert len(cli.starts) == 2 * 2 + 20


def _post(client: httpx.Client, message: str) -> str:
    task_id: str = client.post("/api/chat", json={"message": message, "agent": "brain"}).json()["task_id"]
    return task_id


@pytest.mark.timeout(150)
def test_asked_twice_it_does_not_wait_for_the_grace(
    start_errand: Starter, cli: ScriptedCli, go: Path
) -> None:
    """The second Ctrl-C ends everything at once."""
    errand = start_errand(
        path=cli.directory, env={"ERRAND_CONCURRENCY": str(_RUNNING), "ERRAND_SHUTDOWN_GRACE": "60"}
    )
    _run_five(errand, cli, go)
    errand.process.send_signal(signal.SIGINT)
    wait_until(lambda: "ask again" in errand.log, 15)

    assert errand.stop() < 10
    assert _left(cli) == []


@pytest.mark.timeout(150)
def test_killed_with_running_clis_nothing_is_left_and_the_tasks_go_on(
    start: Callable[[], Errand], cli: ScriptedCli, go: Path
) -> None:
    """SIGKILL of bin/up ends the CLIs too; their leases run out, and the next start finishes every task."""
    errand = start()
    tasks = _run_five(errand, cli, go)

    errand.process.kill()
    wait_until(lambda: not _left(cli), 10, message="no CLI is left")

    _go_on(start(), tasks, go)
