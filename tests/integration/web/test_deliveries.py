"""The inspector: what became of each webhook, in words, by role."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.clock import utcnow
from app.db import deliveries, replies, tasks, turns
from app.db.engine import Database
from app.domain.delivery import Decision, Verdict
from app.domain.trigger import Thread
from tests.fakes.github import deliveries as payloads
from tests.fakes.github.asked import ask, trigger_of
from tests.fakes.github.server import FakeGitHub
from tests.integration.web.conftest import AppMaker, signed_in
from tests.integration.web.people import OURS, audit_of, browser_of

#: A stand-in for GitHub, and somebody who asks this Errand about it.
Town = tuple[FakeGitHub, FlaskClient]


@pytest.fixture
def hook(make_app: AppMaker, sqlite: Database, redis_url: str) -> Flask:
    """An app that takes webhooks."""
    return make_app(sqlite, redis_url, github_webhook_secret=payloads.SECRET)


def post(hook: Flask, payload: Any, event: str = "issue_comment") -> str:
    """Deliver, and return the Delivery's id."""
    body = payloads.encode(payload)
    answer = hook.test_client().post("/webhooks/github", data=body, headers=payloads.headers(event, body))
    found: str = answer.get_json()["delivery_id"]
    return found


def refuse(db: Database, delivery_id: str) -> None:
    """Decide as the gate does."""
    decision = Decision(verdict=Verdict.REFUSED, code="permission", reason="mona has read permission.")
    db.write(deliveries.decide, delivery_id, decision, done=True)


def test_every_delivery_is_listed_with_its_reason(hook: Flask, sqlite: Database) -> None:
    """Newest first, a page at a time, by verdict; without the body."""
    ids = [post(hook, payloads.comment("@agent look", number=number)) for number in range(3)]
    refuse(sqlite, ids[0])
    client = signed_in(hook)

    first = client.get("/api/deliveries?limit=2").get_json()
    rest = client.get(f"/api/deliveries?limit=2&cursor={first['next_cursor']}").get_json()
    assert [one["id"] for one in (*first["items"], *rest["items"])] == ids[::-1]
    assert rest["next_cursor"] is None
    [refused] = client.get("/api/deliveries?verdict=refused").get_json()["items"]
    assert refused == client.get(f"/api/deliveries/{ids[0]}").get_json()
    assert (refused["reason"], refused["sender"]) == ("mona has read permission.", "mona")
    assert client.get("/api/deliveries/github:none").status_code == 404


def test_a_refused_one_is_taken_again(hook: Flask, sqlite: Database) -> None:
    """With a line in the audit; one that led to something is not."""
    delivery_id = post(hook, payloads.comment("@agent look"))
    refuse(sqlite, delivery_id)
    browser = browser_of(hook, "ann", "operator")
    again = browser.post(f"/api/deliveries/{delivery_id}/redeliver", headers=OURS)

    assert (again.status_code, again.get_json()["verdict"]) == (202, None)
    assert [line["object"] for line in audit_of(hook, action="delivery taken again")] == [delivery_id]

    done = Decision(verdict=Verdict.COMMAND, code="stop", reason="Stopped: one task.", object_key="k")
    sqlite.write(deliveries.decide, delivery_id, done, done=True)
    refused = browser.post(f"/api/deliveries/{delivery_id}/redeliver", headers=OURS)
    assert (refused.status_code, refused.get_json()["reason"]) == (409, "already_taken")


def test_the_answer_is_shown_and_sent_again(hook: Flask, sqlite: Database) -> None:
    """By hand, where it could not be told: with its links, and once."""
    delivery_id = post(hook, payloads.comment("@agent look"))
    thread = Thread(repository_id=101, repository="octo/hello", number=1, is_pull_request=False)
    task = ask(sqlite, trigger_of(thread, "look"), delivery_id=delivery_id)
    reply = sqlite.read(replies.of_task, task.id)
    assert reply is not None
    operator, viewer = browser_of(hook, "ann", "operator"), browser_of(hook, "vic", "viewer")

    def again(browser: FlaskClient) -> Any:
        return browser.post(f"/api/tasks/{task.id}/reply", headers=OURS)

    assert again(operator).get_json()["reason"] == "answered"
    told = {"comment_id": 9, "pull_number": 4, "branch": "agent/x", "problem": "Locked."}
    sqlite.write(turns.finish, reply, None, utcnow(), **told)
    origin = viewer.get(f"/api/tasks/{task.id}").get_json()["origin"]
    assert (origin["name"], origin["by"]) == ("octo/hello#1", "mona")
    assert origin["url"] == "https://github.com/octo/hello/issues/1#issuecomment-501"
    assert origin["reply"] == viewer.get(f"/api/deliveries/{delivery_id}").get_json()["reply"]
    assert origin["reply"]["url"] == "https://github.com/octo/hello/issues/1#issuecomment-9"
    assert origin["reply"]["pull_url"] == "https://github.com/octo/hello/pull/4"
    assert (origin["reply"]["state"], origin["reply"]["problem"]) == ("finished", "Locked.")

    assert again(viewer).status_code == 403
    assert again(operator).get_json()["origin"]["reply"]["problem"] is None
    assert [line["object"] for line in audit_of(hook, action="answer sent again")] == [task.id]
    assert again(operator).status_code == 409


def test_a_task_of_ours_has_no_answer_elsewhere(hook: Flask) -> None:
    """Nothing is told on GitHub of what was asked for here."""
    client = signed_in(hook)
    task_id = client.post("/api/chat", json={"message": "hello"}, headers=OURS).get_json()["task_id"]

    assert client.get(f"/api/tasks/{task_id}").get_json()["origin"] is None
    assert client.post(f"/api/tasks/{task_id}/reply", headers=OURS).status_code == 404


def test_what_people_wrote_is_for_operators(hook: Flask) -> None:
    """A viewer sees verdicts; the bytes come as text, never as a page."""
    delivery_id = post(hook, payloads.comment("@agent <script>"))
    viewer, operator = browser_of(hook, "vic", "viewer"), browser_of(hook, "ann", "operator")

    assert viewer.get(f"/api/deliveries/{delivery_id}").status_code == 200
    assert viewer.get(f"/api/deliveries/{delivery_id}/payload").status_code == 403
    shown = operator.get(f"/api/deliveries/{delivery_id}/payload")
    assert shown.content_type == "text/plain; charset=utf-8"
    assert "@agent <script>" in shown.get_data(as_text=True)


@pytest.fixture
def client(make_app: AppMaker, sqlite: Database, redis_url: str, tmp_path: Path) -> Any:
    """A browser of an Errand that is set up for the stand-in."""
    with FakeGitHub(tmp_path / "github") as github:
        github.add_repository("octo/hello", {"README.md": "Hello\n"}, roles={"mona": "read", "ann": "write"})
        app = make_app(
            sqlite,
            redis_url,
            github_app_id=github.app_id,
            github_app_private_key=github.app_key,
            github_api_url=github.api_url,
            github_webhook_secret=payloads.SECRET,
        )
        yield signed_in(app)
    assert github.problems == []


def test_a_pasted_payload_is_judged_without_effect(client: FlaskClient, sqlite: Database) -> None:
    """The same gate, the same words; nothing is written."""

    def tried(text: str, login: str) -> Any:
        payload = payloads.comment(text, sender=payloads.user(login))
        return client.post("/api/deliveries/dry-run", json={"event": "issue_comment", "payload": payload})

    refused = tried("@agent look", "mona").get_json()
    assert (refused["verdict"], refused["reason"]) == (
        "refused",
        "mona has read permission; write is needed.",
    )
    assert tried("@agent look", "ann").get_json()["verdict"] == "task"
    quoted = tried("> @agent look", "ann").get_json()
    assert (quoted["verdict"], quoted["code"]) == ("ignored", "mention_not_prose")
    assert client.post("/api/deliveries/dry-run", json={"event": "issues", "payload": {}}).status_code == 400
    deep = '{"event": "issues", "payload": ' + '{"a":' * 300 + "1" + "}" * 301
    refusal = client.post("/api/deliveries/dry-run", data=deep, content_type="application/json")
    assert (refusal.status_code, refusal.get_json()["reason"]) == (400, "bad_payload")
    assert sqlite.read(deliveries.page, limit=9) == []
    assert sqlite.read(tasks.page, limit=9).items == []


def test_what_is_missing_at_github_is_listed(client: FlaskClient) -> None:
    """By GitHub's own names, with what it needs to be given."""
    setup = client.get("/api/github").get_json()

    assert (setup["access"], setup["account"]) == ("app", "errand-test[bot]")
    assert setup["permissions"]["contents"] == "write"
    assert "The App lacks event pull_request_review." in setup["problems"]
    assert any("ERRAND_PUBLIC_URL" in problem for problem in setup["problems"])
    assert "check_run" not in setup["events"]


@pytest.fixture
def town(make_app: AppMaker, sqlite: Database, redis_url: str, tmp_path: Path) -> Iterator[Town]:
    """An App that is set up, and a client that asks about it."""
    with FakeGitHub(tmp_path / "town") as github:
        github.add_repository("octo/hello", {"README.md": "Hello\n"})
        github.hook_url = "https://errand.example/webhooks/github"
        github.events += ["pull_request_review", "pull_request_review_comment"]
        app = make_app(
            sqlite,
            redis_url,
            public_url="https://errand.example",
            github_webhook_secret=payloads.SECRET,
            github_app_id=github.app_id,
            github_app_private_key=github.app_key,
            github_api_url=github.api_url,
        )
        yield github, signed_in(app)
        assert github.problems == []


def problems_of(client: FlaskClient) -> list[str]:
    """Return what is missing."""
    found: list[str] = client.get("/api/github").get_json()["problems"]
    return found


def test_what_keeps_an_app_from_working_is_listed(town: Town) -> None:
    """Not installed, suspended, permissions that nobody accepted, webhooks that go elsewhere."""
    github, client = town
    assert problems_of(client) == []

    github.accepted = {**github.permissions, "contents": "read"}
    pending = "octo has not accepted contents: write of the App yet (Settings, GitHub Apps, Review request)."
    assert problems_of(client) == [pending]
    github.suspended = True
    assert problems_of(client) == ["octo has suspended the App."]
    github.repositories.clear()
    [problem] = problems_of(client)
    assert problem.startswith("The App is installed nowhere: http")


def test_webhooks_that_go_elsewhere_are_told(town: Town) -> None:
    """Unless some arrive all the same; what cannot be asked does not hide what is known."""
    github, client = town
    github.hook_url = "https://old.example/hook"
    elsewhere = (
        "GitHub sends webhooks to https://old.example/hook, not to https://errand.example/webhooks/github."
    )
    assert problems_of(client) == [elsewhere]
    github.hook_url = None
    assert problems_of(client) == [
        "The App has no webhook: https://errand.example/webhooks/github is its address."
    ]
    github.deliveries = [{"id": 1, "guid": "d-1", "event": "issues", "status": "OK", "status_code": 202}]
    assert problems_of(client) == []

    github.events.remove("issues")
    github.fail("GET", "/app/hook/deliveries", status=403)
    lacks, refusal = problems_of(client)
    assert lacks == "The App lacks event issues."
    assert "403" in refusal


def test_what_an_older_server_cannot_be_asked_is_no_problem(town: Town) -> None:
    """An Enterprise server without one of these calls."""
    github, client = town
    github.hook_url = "https://old.example/hook"
    for path in ("/app/installations", "/app/hook/deliveries", "/app/hook/config"):
        github.fail("GET", path, status=404)

    assert problems_of(client) == []


def test_half_an_app_is_told(hook: Flask, make_app: AppMaker, sqlite: Database, redis_url: str) -> None:
    """The token takes its place in silence else."""
    half = make_app(
        sqlite, redis_url, github_app_id="1", github_token="x", github_api_url="http://127.0.0.1:1"
    )

    client = signed_in(half)
    assert any("need each other" in problem for problem in problems_of(client))
    # GitHub is away there; what it would be asked with is known all the same.
    assert client.get("/api/github").get_json()["access"] == "token"
    assert not any("need each other" in problem for problem in problems_of(signed_in(hook)))


def test_without_github_the_page_says_what_to_set(hook: Flask) -> None:
    """Nothing is asked, and nothing fails."""
    setup = signed_in(hook).get("/api/github").get_json()

    assert (setup["access"], setup["sent"]) == ("none", [])
    assert any("GITHUB_APP_ID" in problem for problem in setup["problems"])
