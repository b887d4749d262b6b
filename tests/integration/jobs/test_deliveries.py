"""Webhooks through a real web app, a real Redis and the real control process: fast, all of them, and once."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pytest_celery import CeleryTestWorker

from app.clock import utcnow
from app.db import deliveries, replies, tasks
from app.db.engine import Database
from app.domain.delivery import DeliveryState, Recorded, Verdict
from app.live.hub import Hub
from app.live.publisher import Publisher
from app.settings import Settings
from app.web import create_app
from app.web.queue import web_bell
from tests.fakes.github import deliveries as payloads
from tests.fakes.github.server import FakeGitHub
from tests.fakes.github.state import Repository, account
from tests.integration.jobs.plant import Plant
from tests.waiting import wait_until

MONA = account("mona", 7)
#: Among which the many comments are spread: a thread's comments are read for each answer in it.
ISSUES = 40


@pytest.fixture(scope="module")
def github(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeGitHub]:
    """The stand-in."""
    with FakeGitHub(tmp_path_factory.mktemp("github")) as running:
        yield running
    assert running.problems == []


@pytest.fixture(scope="module")
def hello(github: FakeGitHub) -> Repository:
    """A repository with an issue."""
    made = github.add_repository("octo/hello", {"README.md": "Hello\n"}, roles={"mona": "write"})
    for _ in range(ISSUES):
        made.add_issue("It breaks", "Every time.", MONA)
    return made


@pytest.fixture(scope="module")
def control(plant: Plant, github: FakeGitHub, hello: Repository) -> Iterator[CeleryTestWorker]:
    """A control process that is set up for the stand-in."""
    assert hello.issues
    most = {f"ERRAND_GITHUB_{name}": "1000" for name in _CAPS}
    env = {"GITHUB_APP_ID": github.app_id, "GITHUB_APP_PRIVATE_KEY": github.app_key, **most}
    started = plant.control("control", GITHUB_API_URL=github.api_url, **env)
    yield started
    started.teardown()


_CAPS = ("THREAD_HOUR", "THREAD_DAY", "REPOSITORY_HOUR", "USER_HOUR")


class Door:
    """The web's door, in this process, over the plant's database and Redis."""

    def __init__(self, plant: Plant, folder: Path) -> None:
        url = plant.redis.url
        values = {"redis_url": url, "github_webhook_secret": payloads.SECRET, "data_dir": folder}
        settings = Settings.model_validate(values)
        db = Database(plant.db.url)
        self._app = create_app(settings, db, web_bell(url), Hub(db, url), Publisher(url))

    def post(self, body: bytes, headers: dict[str, str]) -> tuple[int, float]:
        """Deliver, and return the status and the seconds it took."""
        began = time.monotonic()
        status = self._app.test_client().post("/webhooks/github", data=body, headers=headers).status_code
        return status, time.monotonic() - began


@pytest.fixture
def door(plant: Plant, tmp_path: Path) -> Door:
    """An open door."""
    return Door(plant, tmp_path)


def said(hello: Repository, text: str, *, issue: int = 1) -> tuple[bytes, dict[str, str], int]:
    """Let mona comment; return the Delivery of it and the comment's id."""
    number = int(hello.add_comment(issue, text, MONA)["id"])
    payload = payloads.comment(text, number=number)
    payload["issue"] = {**payload["issue"], "number": issue, "id": 5000 + issue}
    payload["repository"] = {**payloads.REPOSITORY, "id": hello.id}
    body = payloads.encode(payload)
    return body, payloads.headers("issue_comment", body), number


def rows(plant: Plant) -> list[Recorded]:
    """Return all Deliveries."""
    return plant.db.read(deliveries.page, limit=1000)


@pytest.mark.usefixtures("control")
def test_a_signed_comment_is_queued_and_seen_at_once(plant: Plant, hello: Repository, door: Door) -> None:
    """WH-01: the Task within a second, the eyes within two, of the second comment on an idle machine."""
    _ask_and_wait(plant, hello, door, "@agent first")
    queued, seen = _ask_and_wait(plant, hello, door, "@agent second")

    assert queued < 1, queued
    assert seen < 2, seen


def _ask_and_wait(plant: Plant, hello: Repository, door: Door, text: str) -> tuple[float, float]:
    """Return the seconds until there was a Task, and until there were eyes."""
    body, headers, number = said(hello, text)
    delivery_id = f"github:{headers['X-GitHub-Delivery']}"
    began = time.monotonic()
    assert door.post(body, headers)[0] == 202
    wait_until(lambda: plant.db.read(deliveries.get, delivery_id).task_id is not None, 20, interval=0.01)
    queued = time.monotonic() - began
    wait_until(lambda: bool(hello.reactions.get(("comments", number))), 20, interval=0.01)
    return queued, time.monotonic() - began


@pytest.mark.usefixtures("control")
def test_two_hundred_at_once_are_all_taken_and_none_twice(
    plant: Plant, hello: Repository, door: Door
) -> None:
    """WH-17: 200 at once, each a Task; the same 200 again, nothing new."""
    known = len(plant.db.read(tasks.page, limit=1000).items)
    sent = [said(hello, f"@agent number {number}", issue=1 + number % ISSUES) for number in range(200)]

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda one: door.post(one[0], one[1]), sent))
    assert {status for status, _ in answers} == {202}
    # GitHub hangs up after ten seconds: https://docs.github.com/en/webhooks/using-webhooks/best-practices-for-using-webhooks
    assert max(seconds for _, seconds in answers) < 10

    def all_done() -> bool:
        return all(row.state is DeliveryState.DONE for row in rows(plant))

    wait_until(all_done, 90, interval=0.2)
    assert [str(row.verdict) for row in rows(plant)][:200] == ["task"] * 200
    assert len(plant.db.read(tasks.page, limit=1000).items) == known + 200

    again = [door.post(body, headers)[0] for body, headers, _ in sent]
    other_ids = [door.post(body, payloads.headers("issue_comment", body))[0] for body, _, _ in sent[:20]]
    assert (set(again), set(other_ids)) == ({200}, {202})
    wait_until(all_done, 60, interval=0.2)
    assert {str(row.verdict) for row in rows(plant)[:20]} == {"known"}
    assert len(plant.db.read(tasks.page, limit=1000).items) == known + 200


@pytest.mark.usefixtures("control")
def test_what_nobody_was_told_of_is_found(plant: Plant, hello: Repository) -> None:
    """WH-18: Redis lost the message, or was away; control looks at the rows."""
    body, headers, _ = said(hello, "@agent forgotten")
    row = Recorded(
        id=f"github:{headers['X-GitHub-Delivery']}",
        source="github",
        event="issue_comment",
        action="created",
        repository="octo/hello",
        received_at=utcnow(),
        content_type="application/json",
    )
    plant.db.write(deliveries.record, row, body)
    wait_until(lambda: plant.db.read(deliveries.get, row.id).state is DeliveryState.DONE, 30, interval=0.1)

    assert plant.db.read(deliveries.get, row.id).verdict is Verdict.TASK
    reply = plant.db.read(replies.of_delivery, row.id)
    assert reply is not None
    assert reply.task_id is not None
