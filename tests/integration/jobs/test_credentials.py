"""Credentials in real worker and control processes: who waits, who goes on, what is in their logs."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_celery import CeleryTestWorker

from app.credentials import Contents, Safe
from app.credentials.waiting import Waiting
from app.db import credentials
from app.dispatch import CeleryBell
from app.domain.reason import Reason
from app.domain.task import Hold, TaskState
from app.live.publisher import Publisher
from app.security.crypto import Vault
from app.settings import Settings
from tests.fakes.scripted_cli import script
from tests.integration.jobs.plant import Plant
from tests.waiting import wait_until

GOOD, BAD = "a-good-key-0123456789abcdef", "a-bad-key-0123456789abcdef"
_REFUSED = {"is_error": True, "api_error_status": 401, "result": "Invalid API key"}


@pytest.fixture(scope="module")
def worker(plant: Plant) -> Iterator[CeleryTestWorker]:
    """A worker of two slots, whose agent names a credential."""
    folder = plant.folder / "agents" / "brain"
    folder.mkdir(parents=True)
    (folder / "agent.toml").write_text('cli = "claude"\ncredentials = ["anthropic"]\n')
    (folder / "CLAUDE.md").write_text("Work.\n")
    plant.env["ERRAND_AGENTS_DIR"] = str(folder.parent)
    worker = plant.worker(concurrency=2)
    yield worker
    worker.teardown()


@pytest.fixture
def safe(plant: Plant) -> Safe:
    """Opens what the worker opens: with the key in its data directory."""
    settings = Settings(_env_file=None, data_dir=plant.folder / "data")
    return Safe(plant.db, Vault(settings.fernet_keys()), learn=lambda _: None)


def put(plant: Plant, safe: Safe, value: str) -> None:
    """Store the key as web does."""
    safe.put("anthropic", Contents.of_variables({"ANTHROPIC_API_KEY": value}))
    publisher = Publisher(plant.redis.url)
    Waiting(plant.db, CeleryBell(plant.celery), publisher).release("anthropic")
    publisher.close()


def test_ten_tasks_and_a_bad_key(worker: CeleryTestWorker, plant: Plant, safe: Safe) -> None:
    """SEC-10: no more starts than slots, the others wait; mended, they run once each; one line in the log."""
    put(plant, safe, BAD)
    refused: tuple[dict[str, Any], ...] = {"say": "hello"}, {"wait": 0.3}, {"result": _REFUSED}
    bad = [plant.queue(*refused) for _ in range(2)]
    others = [plant.queue({"say": "done"}) for _ in range(8)]
    plant.ring(*bad, *others)

    def settled() -> bool:
        ended = all(plant.now(task).state is TaskState.FAILED for task in bad)
        return ended and all(plant.now(task).hold for task in others)

    # Whichever two of the ten were first met the bad key in their scripts; all ring in order.
    wait_until(settled, 30, interval=0.1)
    assert len(plant.cli.starts) == 2
    assert {plant.now(task).reason for task in bad} == {Reason.CLI_AUTH}
    assert {(plant.now(t).hold, plant.now(t).reason, plant.now(t).attempt) for t in others} == {
        (Hold.CREDENTIAL_EXPIRED, Reason.CREDENTIAL_REFUSED, 0)
    }
    assert len(re.findall('"credential_refused", "level"|"event": "credential_refused"', worker.logs())) == 1

    put(plant, safe, GOOD)
    plant.wait(*others)
    assert len(plant.cli.starts) == 10
    assert BAD not in worker.logs()
    assert GOOD not in worker.logs()
    assert "Traceback" not in worker.logs()


@pytest.mark.usefixtures("worker")
def test_control_lets_one_try_again_and_then_all(control: CeleryTestWorker, plant: Plant, safe: Safe) -> None:
    """Nobody mends anything: after a pause one task finds that the key works again."""
    put(plant, safe, GOOD)
    starts = len(plant.cli.starts)
    [bad] = plant.wait(plant.ask({"result": _REFUSED}), state=TaskState.FAILED)
    waiting = [plant.ask({"say": "done"}) for _ in range(3)]
    wait_until(lambda: all(plant.now(task).hold for task in waiting), 20)

    plant.wait(*waiting, timeout=60)

    assert bad.reason is Reason.CLI_AUTH
    assert len(plant.cli.starts) == starts + 4
    assert "credential_probed" in control.logs()
    assert plant.db.read(credentials.get, "anthropic").probes == 0


def test_no_process_argument_holds_it(
    worker: CeleryTestWorker, control: CeleryTestWorker, plant: Plant, safe: Safe
) -> None:
    """SEC-04: while the CLI runs with it, no process of this machine has the key among its arguments."""
    put(plant, safe, GOOD)
    go, dumped = plant.folder / "go", plant.folder / "dumped.json"
    task = plant.ask({"dump": str(dumped)}, {"say": "running"}, {"wait_for": str(go)})
    wait_until(lambda: plant.now(task).last_seq > 1, 20)
    found = []
    for line in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(line.read_bytes())
        except OSError:
            continue
    go.touch()
    plant.wait(task)

    assert any(b"--output-format" in line for line in found)
    assert not [line for line in found if GOOD.encode() in line]
    assert json.loads(dumped.read_text())["env"]["ANTHROPIC_API_KEY"] == GOOD
    assert worker.container.status == control.container.status == "running"


def test_a_worker_that_begins_tries_its_environment_anew(plant: Plant, worker: CeleryTestWorker) -> None:
    """What was refused of workers' environments is forgotten; who waited for it goes on."""
    name = "environment:claude:0123456789ab"
    plant.db.write(credentials.refuse_environment, name, detail="It was refused.")
    task = plant.queue_message(script({"say": "done"}))
    plant.db.write(
        credentials.hold, task.id, by=name, reason=Reason.CREDENTIAL_REFUSED, detail="It was refused."
    )

    another = plant.worker("another", concurrency=1)

    plant.wait(task)
    assert name not in [one.name for one in plant.db.read(credentials.all_of)]
    another.teardown()
    assert worker.container.status == "running"
