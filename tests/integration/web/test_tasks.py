"""Reading Tasks, their Events and their output; stopping them and running them again."""

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest
import redis
from flask import Flask
from flask.testing import FlaskClient

from app.clock import utcnow
from app.db import events, runs, tasks
from app.db.engine import Database
from app.db.runs import Ending
from app.db.tasks import NewTask
from app.domain.event import Text
from app.domain.task import AttemptState, Task, TaskState
from app.web.schemas import EventPage, TaskPage, TaskWithLedger
from tests.integration.web.conftest import Echoes, signed_in

UNKNOWN = "00000000-0000-4000-8000-000000000000"


def made(db: Database, message: str = "Do.", **more: Any) -> Task:
    """Create a Task."""
    return db.write(
        tasks.create, NewTask(message=message, agent="brain", cli="brain-cli", max_attempts=3, **more)
    )


def running(db: Database, **more: Any) -> Task:
    """Create a Task and claim it."""
    claim = db.write(runs.claim, made(db, **more).id, machine="m")
    assert claim is not None
    return claim.task


def printed(db: Database, task: Task, texts: list[str], stdout: bytes = b"", start: int = 0) -> Task:
    """Let the Task's Attempt print."""
    records = events.number(
        [Text(text=text) for text in texts], after=task.last_seq, attempt=task.attempt, at=utcnow()
    )
    batch = events.Batch(
        task.id,
        task.attempt,
        task.last_seq,
        task.last_seq + len(texts),
        events.encode(records),
        start,
        stdout,
    )
    db.write(events.append, batch)
    return db.read(tasks.get, task.id)


def ended(db: Database, task: Task, *, cost: str = "0") -> Task:
    """Let the Task's Attempt succeed."""
    ending = Ending(
        attempt_state=AttemptState.SUCCEEDED,
        task_state=TaskState.COMPLETED,
        detail="Done.",
        result="the answer",
        exit_code=0,
        cost_usd=Decimal(cost),
    )
    return db.write(runs.finish, task.id, task.attempt, ending)


def test_a_task_is_shown_as_the_contract_says(client: FlaskClient, database: Database) -> None:
    """Every field is there, its attempts too, and nothing that is not documented."""
    task = ended(database, printed(database, running(database), ["hello"]), cost="0.125")

    shown = client.get(f"/api/tasks/{task.id}").get_json()

    assert set(shown) == set(TaskWithLedger.model_fields)
    TaskWithLedger.model_validate(shown)
    assert (shown["state"], shown["result"], shown["cost_usd"]) == ("completed", "the answer", 0.125)
    assert [(run["number"], run["state"], run["exit_code"]) for run in shown["attempts"]] == [
        (1, "succeeded", 0)
    ]
    assert shown["created_at"].endswith("Z")
    assert len(shown["created_at"]) == len("2026-01-01T00:00:00.000000Z")


def test_pages_of_tasks_have_no_hole_and_no_double(client: FlaskClient, database: Database) -> None:
    """Newest first; what is added meanwhile does not move what was not yet seen."""
    expected = [made(database, str(n)).id for n in range(7)][::-1]

    seen, cursor = [], ""
    while True:
        page = client.get(f"/api/tasks?limit=3{cursor}").get_json()
        assert set(page) == set(TaskPage.model_fields)
        seen += [item["id"] for item in page["items"]]
        made(database, "later")
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"

    assert seen == expected


def test_tasks_are_filtered(client: FlaskClient, database: Database) -> None:
    """By state, by session, by agent, and by all of them."""
    first, second = made(database), running(database)

    def found(query: str) -> list[str]:
        return [item["id"] for item in client.get(f"/api/tasks?{query}").get_json()["items"]]

    assert found("state=queued") == [first.id]
    assert found("state=running") == [second.id]
    assert found(f"session_id={first.session_id}") == [first.id]
    assert found("agent=brain") == [second.id, first.id]
    assert found("agent=demo") == []
    assert found(f"state=running&session_id={first.session_id}") == []


@pytest.mark.parametrize("limit", ["0", "-1", "x", "", "1.5", "1e3"])
def test_a_limit_that_is_none_is_refused(sqlite_client: FlaskClient, limit: str) -> None:
    """400, and the field is named."""
    answer = sqlite_client.get(f"/api/tasks?limit={limit}")

    assert answer.status_code == 400
    assert "limit" in answer.get_json()["detail"]


@pytest.mark.parametrize("limit", ["201", "1000000000", "9" * 400])
def test_a_large_limit_is_taken_as_the_largest(
    sqlite_client: FlaskClient, sqlite: Database, limit: str
) -> None:
    """Nobody gets the whole table."""
    for _ in range(201):
        made(sqlite)

    assert len(sqlite_client.get(f"/api/tasks?limit={limit}").get_json()["items"]) == 200


@pytest.mark.parametrize(
    "query",
    [
        "cursor=garbage",
        "cursor=",
        "state=nope",
        "session_id=nope",
        "agent=../x",
        "agent=%00",
        "agent=Ü",
        "cursor=%00",
    ],
)
def test_a_filter_that_makes_no_sense_is_refused(client: FlaskClient, query: str) -> None:
    """Nothing reaches the database that it would choke on."""
    answer = client.get(f"/api/tasks?{query}")

    assert (answer.status_code, answer.content_type) == (400, "application/problem+json")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("rest", ["", "/events", "/output"])
@pytest.mark.parametrize(
    "task_id", [UNKNOWN, "nope", "1", "'%20OR%201=1--", "..%2f..%2fetc", "%00", UNKNOWN + "x"]
)
def test_an_unknown_task_is_not_found(
    sqlite_client: FlaskClient, method: str, rest: str, task_id: str
) -> None:
    """Whatever stands where the id should be."""
    answer = sqlite_client.open(f"/api/tasks/{task_id}{rest}", method=method)

    assert (answer.status_code, answer.content_type) == (404, "application/problem+json")


@pytest.mark.parametrize("verb", ["cancel", "retry"])
def test_an_unknown_task_cannot_be_acted_on(sqlite_client: FlaskClient, verb: str) -> None:
    """404, not a silent 202."""
    assert sqlite_client.post(f"/api/tasks/{UNKNOWN}/{verb}").status_code == 404


def test_events_come_in_order_from_after_a_seq(client: FlaskClient, database: Database) -> None:
    """Each page continues the one before; last_seq is the Task's, not the page's."""
    task = running(database)
    for n in range(5):
        task = printed(database, task, [f"{n}.{m}" for m in range(50)])

    seen, after = [], 0
    while True:
        page = client.get(f"/api/tasks/{task.id}/events?after={after}&limit=60").get_json()
        assert set(page) == set(EventPage.model_fields)
        assert page["last_seq"] == 251
        assert page["state"] == "running"
        if not page["events"]:
            break
        assert len(page["events"]) <= 60
        seen += [event["seq"] for event in page["events"]]
        after = seen[-1]

    assert seen == list(range(1, 252))
    assert len(client.get(f"/api/tasks/{task.id}/events").get_json()["events"]) == 200


def test_more_than_a_thousand_events_are_taken_as_a_thousand(client: FlaskClient, database: Database) -> None:
    """A page has an end."""
    task = printed(database, running(database), [str(n) for n in range(1200)])

    page = client.get(f"/api/tasks/{task.id}/events?limit=5000").get_json()

    assert [event["seq"] for event in page["events"]] == list(range(1, 1001))


@pytest.mark.parametrize("query", ["after=-1", "after=x", "after=" + "9" * 30, "limit=0", "limit=-5"])
def test_a_place_in_the_events_that_cannot_be_is_refused(
    client: FlaskClient, database: Database, query: str
) -> None:
    """400 and no error of the database."""
    assert client.get(f"/api/tasks/{made(database).id}/events?{query}").status_code == 400


def test_output_is_what_the_cli_printed_byte_for_byte(client: FlaskClient, database: Database) -> None:
    """NUL, broken UTF-8 and line ends included, of all attempts in order or of one."""
    one, two = bytes(range(256)) * 9000, b"second\r\n\xff"
    task = printed(database, running(database), ["a"], one)
    task = printed(database, task, ["b"], b"!", start=len(one))
    ended(database, task)
    database.write(tasks.retry, task.id)
    claim = database.write(runs.claim, task.id, machine="m")
    assert claim is not None
    printed(database, claim.task, ["c"], two)

    whole = client.get(f"/api/tasks/{task.id}/output")

    assert whole.get_data() == one + b"!" + two
    assert whole.mimetype == "text/plain"
    assert whole.headers["X-Content-Type-Options"] == "nosniff"
    assert whole.content_length == len(one) + 1 + len(two)
    assert client.get(f"/api/tasks/{task.id}/output?attempt=2").get_data() == two
    assert client.get(f"/api/tasks/{task.id}/output?attempt=3").status_code == 404
    assert client.get(f"/api/tasks/{task.id}/output?attempt=0").status_code == 400
    assert client.head(f"/api/tasks/{task.id}/output").content_length == whole.content_length


def test_a_task_that_printed_nothing_has_an_empty_output(client: FlaskClient, database: Database) -> None:
    """No output is not an error."""
    answer = client.get(f"/api/tasks/{made(database).id}/output")

    assert (answer.status_code, answer.get_data()) == (200, b"")


def test_a_queued_task_is_cancelled_at_once(client: FlaskClient, database: Database, echoes: Echoes) -> None:
    """Also the second time; Viewers are told."""
    task = made(database)

    first, second = (client.post(f"/api/tasks/{task.id}/cancel") for _ in range(2))

    assert (first.status_code, second.status_code) == (202, 202)
    assert first.get_json()["state"] == "cancelled"
    assert first.get_json()["reason"] == "cancelled"
    assert echoes.tasks[0].state is TaskState.CANCELLED


def test_cancelling_rings_for_what_waited_behind(
    client: FlaskClient, database: Database, redis_url: str
) -> None:
    """The next of the conversation does not wait for the rescuer."""
    first = made(database)
    second = made(database, session_id=first.session_id)

    client.post(f"/api/tasks/{first.id}/cancel")

    with redis.Redis.from_url(redis_url) as broker:
        assert second.id.encode() in broker.lindex("runs", 0)


def test_a_running_task_is_asked_to_stop(client: FlaskClient, database: Database) -> None:
    """It is its worker that ends it; the Task says that it was asked."""
    task = running(database)

    shown = client.post(f"/api/tasks/{task.id}/cancel").get_json()

    assert (shown["state"], shown["cancel_requested"]) == ("running", True)


def test_a_finished_task_cannot_be_cancelled(client: FlaskClient, database: Database) -> None:
    """409 with the reason."""
    task = ended(database, running(database))

    answer = client.post(f"/api/tasks/{task.id}/cancel")

    assert (answer.status_code, answer.get_json()["reason"]) == (409, "already_finished")


def test_many_cancels_at_once_make_one_end(app: Flask, database: Database) -> None:
    """One status Event, whoever was first."""
    task = made(database)

    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda _: signed_in(app).post(f"/api/tasks/{task.id}/cancel"), range(12)))

    assert {answer.status_code for answer in answers} == {202}
    assert database.read(tasks.get, task.id).last_seq == 1


def test_a_finished_task_is_run_again_and_keeps_its_output(
    client: FlaskClient, database: Database, redis_url: str
) -> None:
    """It is queued and rung for; what it printed before stays."""
    task = ended(database, printed(database, running(database), ["old"], b"old"))

    answer = client.post(f"/api/tasks/{task.id}/retry")

    assert (answer.status_code, answer.get_json()["state"]) == (202, "queued")
    assert client.get(f"/api/tasks/{task.id}/output").get_data() == b"old"
    with redis.Redis.from_url(redis_url) as broker:
        assert task.id.encode() in broker.lindex("runs", 0)
    again = client.post(f"/api/tasks/{task.id}/retry")
    assert (again.status_code, again.get_json()["reason"]) == (409, "not_finished")


def test_sessions_are_listed_last_used_first(client: FlaskClient, database: Database) -> None:
    """Page by page, with what each cost."""
    expected = [made(database, f"t{n}").session_id for n in range(4)][::-1]

    first = client.get("/api/sessions?limit=3").get_json()
    rest = client.get(f"/api/sessions?limit=3&cursor={first['next_cursor']}").get_json()

    assert [item["id"] for item in first["items"] + rest["items"]] == expected
    assert rest["next_cursor"] is None


def test_a_session_shows_its_tasks_and_their_cost(client: FlaskClient, database: Database) -> None:
    """Exactly added up, in order."""
    first = ended(database, running(database), cost="0.1")
    ended(database, running(database, session_id=first.session_id), cost="0.2")

    shown = client.get(f"/api/sessions/{first.session_id}").get_json()

    assert shown["cost_usd"] == 0.3
    assert [task["position"] for task in shown["tasks"]] == [1, 2]
    assert client.get(f"/api/sessions/{UNKNOWN}").status_code == 404
    assert client.get("/api/sessions/nope").status_code == 404
