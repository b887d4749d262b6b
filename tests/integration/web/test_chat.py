"""POST /api/chat: what is taken, what is refused, and that a key makes one Task."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import redis
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from app.clock import utcnow
from app.db import doorbells
from app.db.engine import Database
from app.db.rows import tasks as task_rows
from app.web.queue import PATIENCE
from tests.integration.web.conftest import AppMaker, Echoes, signed_in
from tests.services import RedisServer

LIMIT = 1024 * 1024


def chat(client: FlaskClient, message: str = "Look around.", **more: object) -> TestResponse:
    """Ask for a Task."""
    return client.post("/api/chat", json={"message": message, **more})


def test_a_message_is_accepted_stored_and_rung(
    client: FlaskClient, database: Database, redis_url: str, echoes: Echoes
) -> None:
    """The answer says where to look; the row is there, the message is in the queue, the Viewers were told."""
    answer = chat(client, agent="demo")

    assert answer.status_code == 202
    accepted = answer.get_json()
    assert accepted["state"] == "queued"
    assert accepted["ws"] == f"/ws/tasks/{accepted['task_id']}"
    assert answer.headers["Location"] == f"/api/tasks/{accepted['task_id']}"
    task = client.get(answer.headers["Location"]).get_json()
    assert (task["message"], task["agent"], task["cli"]) == ("Look around.", "demo", "demo-cli")
    with redis.Redis.from_url(redis_url) as broker:
        assert broker.llen("runs") == 1
        assert accepted["task_id"].encode() in broker.lindex("runs", 0)
    assert [told.id for told in echoes.tasks] == [accepted["task_id"]]
    assert (
        database.read(doorbells.unrung, now=utcnow(), rung_before=utcnow() - timedelta(days=1), limit=9) == []
    )


def test_an_unknown_agent_is_stood_in_for_and_said_so(client: FlaskClient) -> None:
    """The first event of the Task tells who took it instead."""
    task_id = chat(client, agent="nobody").get_json()["task_id"]

    page = client.get(f"/api/tasks/{task_id}/events").get_json()

    assert client.get(f"/api/tasks/{task_id}").get_json()["agent"] == "brain"
    assert [(event["kind"], event["code"]) for event in page["events"]] == [("notice", "agent_fallback")]
    assert page["last_seq"] == 1


def test_a_follow_up_keeps_session_and_agent(client: FlaskClient) -> None:
    """Who answered goes on answering, unless somebody else is asked for."""
    session_id = chat(client, agent="demo").get_json()["session_id"]

    second = chat(client, "And then?", session_id=session_id).get_json()

    shown = client.get(f"/api/sessions/{session_id}").get_json()
    assert second["session_id"] == session_id
    assert [task["agent"] for task in shown["tasks"]] == ["demo", "demo"]
    assert [task["hold"] for task in shown["tasks"]] == [None, "session_busy"]


@pytest.mark.parametrize(
    "message", ["Ünï 🎉 text", "a\r\nb\n", "-p --help", "@/etc/passwd", "x" * LIMIT, "é" * (LIMIT // 2)]
)
def test_text_is_stored_as_it_came(client: FlaskClient, message: str) -> None:
    """No character is changed, up to exactly the limit in bytes of UTF-8."""
    task_id = chat(client, message).get_json()["task_id"]

    assert client.get(f"/api/tasks/{task_id}").get_json()["message"] == message


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        ({}, 400, "invalid"),
        ({"message": ""}, 400, "invalid"),
        ({"message": None}, 400, "invalid"),
        ({"message": 5}, 400, "invalid"),
        ({"message": " \n\t "}, 400, "message_empty"),
        ({"message": "a\0b"}, 400, "message_nul"),
        ({"message": "x" * (LIMIT + 1)}, 413, "too_large"),
        ({"message": "é" * (LIMIT // 2) + "x"}, 413, "too_large"),
        ({"message": "x" * 7 * LIMIT}, 413, "too_large"),
        ({"message": "x", "agent": "../x"}, 400, "agent_name"),
        ({"message": "x", "agent": "/etc"}, 400, "agent_name"),
        ({"message": "x", "agent": ""}, 400, "agent_name"),
        ({"message": "x", "agent": "a\0"}, 400, "agent_name"),
        ({"message": "x", "agent": "a" * 300}, 400, "agent_name"),
        ({"message": "x", "agent": "a\u2215b"}, 400, "agent_name"),
        ({"message": "x", "session_id": "nope"}, 404, "not_found"),
        ({"message": "x", "session_id": "00000000-0000-0000-0000-000000000000"}, 404, "not_found"),
        ([], 400, "invalid_json"),
        ("text", 400, "invalid_json"),
    ],
)
def test_what_cannot_be_is_refused_with_a_sentence(
    sqlite_client: FlaskClient, body: object, status: int, reason: str
) -> None:
    """Bad input gets a clear error and makes no Task."""
    answer = sqlite_client.post("/api/chat", json=body)

    problem = answer.get_json()
    assert (answer.status_code, problem["reason"]) == (status, reason)
    assert answer.content_type == "application/problem+json"
    assert set(problem) == {"type", "title", "status", "detail", "reason"}
    assert problem["detail"].endswith((".", "'."))
    assert sqlite_client.get("/api/tasks").get_json()["items"] == []


@pytest.mark.parametrize(
    ("data", "content_type", "status"),
    [
        (b'{"message":"x"}', "text/plain", 415),
        (b"message=x", "application/x-www-form-urlencoded", 415),
        (b'{"message":"x"}', None, 415),
        (b"", None, 415),
        (b"", "application/json", 400),
        (b"null", "application/json", 400),
        (b'{"message":', "application/json", 400),
        (b'"{\\"message\\":\\"x\\"}"', "application/json", 400),
        (b"[" * 300_000, "application/json", 400),
        (b'{"message":"\xff"}', "application/json", 400),
        (b'{"message":"\\ud800"}', "application/json", 400),
        (b'{"message":"x","n":NaN}', "application/json", 400),
    ],
)
def test_only_json_is_read(
    sqlite_client: FlaskClient, data: bytes, content_type: str | None, status: int
) -> None:
    """Whatever is sent, nothing but a JSON object is acted on, and nothing ends in a 500."""
    answer = sqlite_client.post("/api/chat", data=data, content_type=content_type)

    assert answer.status_code == status
    assert answer.content_type == "application/problem+json"


def test_fields_we_do_not_know_are_ignored(sqlite_client: FlaskClient) -> None:
    """A newer client can talk to an older server."""
    assert chat(sqlite_client, colour="blue").status_code == 202


def test_an_agent_that_cannot_be_used_is_refused_by_file_and_line(sqlite_app: Flask) -> None:
    """The person who can mend it learns where."""
    root = sqlite_app.extensions["errand.services"].settings.agents_dir
    (root / "demo" / "agent.toml").write_text('cli = "demo"\nmax_turns = "many"\n')

    answer = chat(signed_in(sqlite_app), agent="demo")

    assert answer.status_code == 400
    assert answer.get_json()["reason"] == "agent_invalid"
    assert "demo/agent.toml, line 2" in answer.get_json()["detail"]


def keyed(client: FlaskClient, key: str, message: str = "Once.") -> TestResponse:
    """Ask with an Idempotency-Key."""
    return client.post("/api/chat", json={"message": message}, headers={"Idempotency-Key": key})


def test_the_same_key_makes_one_task(client: FlaskClient, redis_url: str) -> None:
    """A client that does not know whether it was heard may simply ask again."""
    first, second = keyed(client, "k 1"), keyed(client, "k 1")

    assert (first.status_code, second.status_code) == (202, 202)
    assert first.get_json()["task_id"] == second.get_json()["task_id"]
    assert len(client.get("/api/tasks").get_json()["items"]) == 1
    with redis.Redis.from_url(redis_url) as broker:
        assert broker.llen("runs") == 1


def test_the_same_key_for_something_else_is_refused(client: FlaskClient) -> None:
    """A client's mistake is not answered with somebody else's Task."""
    keyed(client, "k")

    answer = keyed(client, "k", "Other.")

    assert (answer.status_code, answer.get_json()["reason"]) == (409, "key_reused")


def test_racing_requests_with_one_key_make_one_task(app: Flask, database: Database) -> None:
    """All of them get the same Task, whoever comes first."""
    start = threading.Barrier(12)

    def ask() -> TestResponse:
        client = signed_in(app)
        start.wait(10)
        return keyed(client, "race")

    with ThreadPoolExecutor(12) as pool:
        answers = [future.result() for future in [pool.submit(ask) for _ in range(12)]]

    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.get_json()["task_id"] for answer in answers}) == 1
    assert database.read(lambda c: len(c.execute(select(task_rows.c.id)).all())) == 1


@pytest.mark.parametrize("key", ["", "x" * 256, "naïve", "a\tb"])
def test_a_key_that_is_none_is_refused(sqlite_client: FlaskClient, key: str) -> None:
    """1 to 255 printable characters."""
    answer = keyed(sqlite_client, key)

    assert answer.status_code == 400
    assert "Idempotency-Key" in answer.get_json()["detail"]


def timed(client: FlaskClient) -> tuple[int, float]:
    """Ask for a Task; return the status and the seconds."""
    started = time.monotonic()
    answer = chat(client)
    return answer.status_code, time.monotonic() - started


def unrung(db: Database) -> int:
    """Return how many Tasks the rescuer would ring for."""
    now = utcnow()
    return len(db.read(doorbells.unrung, now=now, rung_before=now - timedelta(days=1), limit=100))


def test_a_redis_that_hangs_costs_less_than_a_second(
    make_app: AppMaker, sqlite: Database, hanging_redis: str
) -> None:
    """The Task is accepted, left for the rescuer to ring for, and the next request does not wait again."""
    client = signed_in(make_app(sqlite, hanging_redis))

    first, *later = [timed(client) for _ in range(4)]

    assert {status for status, _ in (first, *later)} == {202}
    assert first[1] < 5  # Celery's own patience has no end
    assert min(seconds for _, seconds in later) < PATIENCE  # the best of them: others use this machine too
    assert unrung(sqlite) == 4


def test_many_requests_at_once_wait_for_a_hanging_redis_side_by_side(
    make_app: AppMaker, sqlite: Database, hanging_redis: str
) -> None:
    """None of them stands in a line behind another's time-out."""
    app = make_app(sqlite, hanging_redis)

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: timed(signed_in(app)), range(20)))

    assert {status for status, _ in answers} == {202}
    assert max(seconds for _, seconds in answers) < 10 * PATIENCE  # in a line the last waits for 20 of them


def test_tasks_are_accepted_without_redis_and_rung_once_it_is_back(
    make_app: AppMaker, sqlite: Database, own_redis: RedisServer
) -> None:
    """A restart of Redis costs no error and, once it answers, no delay."""
    client = signed_in(make_app(sqlite, own_redis.url))
    assert chat(client).status_code == 202

    own_redis.restart()
    assert chat(client).status_code == 202
    assert unrung(sqlite) == 0

    own_redis.stop()
    status, seconds = timed(client)
    assert (status, unrung(sqlite)) == (202, 1)
    assert seconds < 5


def test_racing_sessions_each_get_their_task(client: FlaskClient, app: Flask) -> None:
    """Tasks asked for at once are all there, each in a place of its own."""
    session_id = chat(client).get_json()["session_id"]

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: chat(signed_in(app), f"n {n}", session_id=session_id), range(8)))

    assert {answer.status_code for answer in answers} == {202}
    shown = client.get(f"/api/sessions/{session_id}").get_json()["tasks"]
    assert [task["position"] for task in shown] == list(range(1, 10))
