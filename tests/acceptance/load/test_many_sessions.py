"""Fifty conversations of four messages each, all at once, over REST."""

import re
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.acceptance.conftest import Errand, Starter
from tests.fakes.scripted_cli import ScriptedCli, script
from tests.waiting import wait_until

SESSIONS = 50
TASKS = 4
#: Clients that talk at the same time.
CLIENTS = 25
#: Seconds for all of them, on two cores that also run other tests.
PATIENCE = 110
_MARK = re.compile(r"session (\d+) task (\d+)")
_COMPLAINT = re.compile("error|locked|traceback|critical", re.IGNORECASE)


@pytest.fixture
def cli(tmp_path: Path) -> ScriptedCli:
    """A `claude` that says which of all it is."""
    return ScriptedCli(tmp_path / "bin")


@pytest.fixture
def errand(start_errand: Starter, cli: ScriptedCli) -> Errand:
    """A bin/up with that CLI, on its own SQLite: the one that has a single writer.

    PostgreSQL has the same fifty without a web in tests/integration/db/test_tasks.py, and the chaos.
    """
    return start_errand(path=cli.directory)


@pytest.mark.timeout(200)
def test_two_hundred_tasks_at_once_all_complete_in_order(errand: Errand, cli: ScriptedCli) -> None:
    """Each Task runs once and completes, each conversation's one after the other, and no log complains."""
    with errand.client() as client:
        with ThreadPoolExecutor(CLIENTS) as pool:
            list(pool.map(lambda number: _converse(client, number), range(SESSIONS)))

        wait_until(lambda: _completed(client) == SESSIONS * TASKS, PATIENCE, interval=0.5)

    one_by_one = [(event, task) for task in range(TASKS) for event in ("start", "end")]
    assert _ran(cli) == dict.fromkeys(range(SESSIONS), one_by_one)
    assert [line for line in errand.log.splitlines() if _COMPLAINT.search(line)] == []


def _converse(client: httpx.Client, session: int) -> None:
    """Ask four things without waiting for an answer."""
    session_id = None
    for task in range(TASKS):
        message = script({"texts": 2}, {"say": f"session {session} task {task}"})
        body = {"message": message, "agent": "brain", "session_id": session_id}
        answer = client.post("/api/chat", json=body)
        assert answer.status_code == 202, answer.text
        session_id = answer.json()["session_id"]


def _completed(client: httpx.Client) -> int:
    counts: dict[str, int] = client.get("/api/status").json()["tasks"]
    assert counts["failed"] == counts["cancelled"] == 0
    return counts["completed"]


def _ran(cli: ScriptedCli) -> dict[int, list[tuple[str, int]]]:
    """Return what each conversation's CLIs did, in the order in which they did it."""
    ran, by_pid = defaultdict(list), {}
    for line in cli.journal:
        if line["event"] == "start":
            found = _MARK.search(line["message"])
            assert found is not None
            by_pid[line["pid"]] = int(found[1]), int(found[2])
        session, task = by_pid[line["pid"]]
        ran[session].append((line["event"], task))
    return dict(ran)
