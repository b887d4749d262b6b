"""From a message to the answer with everything real but the model: web, worker, control, and Claude Code."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import websocket

from tests.acceptance.conftest import Errand, Starter
from tests.fakes.messages_api import MessagesApi
from tests.waiting import wait_until

_INSTALLER = Path(__file__).resolve().parents[1] / "claude-code" / "install.py"


@pytest.fixture(scope="module")
def api() -> Iterator[MessagesApi]:
    """The stand-in for the model; words of a message choose what it answers."""
    with MessagesApi() as api:
        yield api


@pytest.fixture(scope="module")
def errand(api: MessagesApi, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Errand]:
    """A bin/up whose worker has the pinned Claude Code and a key."""
    done = subprocess.run([sys.executable, _INSTALLER], capture_output=True, text=True, check=True)
    program = Path(done.stdout.split()[-1])
    starter = Starter(tmp_path_factory.mktemp("claude"))
    yield starter(path=program.parent, env=api.env())
    starter.stop_all()


def _ask(errand: Errand, message: str, **more: str) -> dict[str, Any]:
    with errand.client() as client:
        answer = client.post("/api/chat", json={"message": message, "agent": "brain", **more})
        assert answer.status_code == 202, answer.text
        accepted: dict[str, Any] = answer.json()
        return accepted


def _followed(errand: Errand, accepted: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the Events a Viewer saw, to the end."""
    header = [f"Authorization: Bearer {errand.token}"]
    address = errand.url.replace("http", "ws") + accepted["ws"]
    viewer = websocket.create_connection(address, header=header, timeout=60)
    events: list[dict[str, Any]] = []
    while (frame := json.loads(viewer.recv()))["type"] != "end":
        events += frame.get("events", [])
    viewer.close()
    return events


def _task(errand: Errand, task_id: str) -> dict[str, Any]:
    with errand.client() as client:
        task: dict[str, Any] = client.get(f"/api/tasks/{task_id}").json()
        return task


def test_a_tool_call_and_a_follow_up_that_resumes(errand: Errand, api: MessagesApi) -> None:
    """The tool really ran, the CLI remembers, and the Session costs what its Tasks cost."""
    first = _ask(errand, "please-tool: what is here?")
    events = _followed(errand, first)
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert any(event["kind"] == "tool_result" and "from-the-tool" in event["text"] for event in events)

    second = _ask(errand, "and what did I ask before?", session_id=first["session_id"])
    _followed(errand, second)
    assert "please-tool: what is here?" in api.turns[-1].said

    tasks = [_task(errand, accepted["task_id"]) for accepted in (first, second)]
    assert [task["state"] for task in tasks] == ["completed", "completed"]
    with errand.client() as client:
        session = client.get(f"/api/sessions/{first['session_id']}").json()
    assert session["cost_usd"] == pytest.approx(sum(task["cost_usd"] for task in tasks), abs=1e-12)
    assert all(task["cost_usd"] > 0 for task in tasks)


def test_a_bad_key_fails_in_seconds_with_a_sentence(errand: Errand) -> None:
    """It is not tried again and again, and nor is the key with another task."""
    accepted = _ask(errand, "please-401")
    _followed(errand, accepted)
    task = _task(errand, accepted["task_id"])
    assert (task["state"], task["reason"], len(task["attempts"])) == ("failed", "cli_auth", 1)
    assert task["duration_s"] < 15
    assert task["detail"].endswith("retry.")

    # The next one waits for the key to be mended; somebody says that it is.
    accepted = _ask(errand, "Is it mended?")
    wait_until(lambda: _task(errand, accepted["task_id"])["hold"] == "credential_expired", 30)
    with errand.client() as client:
        [refused] = client.get("/api/credentials").json()["items"]
        assert (refused["state"], refused["waiting"]) == ("refused", 1)
        assert any("1 task waits" in problem for problem in client.get("/api/status").json()["problems"])
        assert client.post(f"/api/credentials/{refused['name']}/retry").json() == {"released": 1}
    _followed(errand, accepted)
    assert _task(errand, accepted["task_id"])["state"] == "completed"


def test_an_overloaded_provider_puts_the_task_back(errand: Errand) -> None:
    """Queued with a time and the reason, and stopped on request."""
    accepted = _ask(errand, "please-529")
    wait_until(lambda: _task(errand, accepted["task_id"])["not_before"], 60)
    task = _task(errand, accepted["task_id"])
    assert (task["state"], task["reason"]) == ("queued", "overloaded")
    with errand.client() as client:
        assert client.post(f"/api/tasks/{accepted['task_id']}/cancel").json()["state"] == "cancelled"


def test_a_stalled_model_can_be_stopped(errand: Errand) -> None:
    """Nothing is printed and nothing hangs: cancel ends the CLI."""
    accepted = _ask(errand, "please-stall")
    wait_until(lambda: _task(errand, accepted["task_id"])["state"] == "running", 30)
    with errand.client() as client:
        client.post(f"/api/tasks/{accepted['task_id']}/cancel")
    wait_until(lambda: _task(errand, accepted["task_id"])["state"] == "cancelled", 15)
    wait_until(lambda: not errand.named("--output-format"), 15)
