"""Generic webhooks: made by admins, delivered by programs, each delivery one task."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from cryptography.fernet import Fernet
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text
from werkzeug.test import TestResponse

from app.clock import utcnow
from app.db import tasks, webhooks
from app.db.engine import Database
from app.domain.task import TaskId
from app.runner.purge import purge_traces
from app.webhooks.payload import LARGEST
from app.webhooks.signing import signature
from tests.integration.web.conftest import AppMaker, Echoes, signed_in

HOOK: dict[str, Any] = {"name": "alerts", "template": "Look into {{ alert.title }}.", "dedupe": "alert.id"}
BODY = {"alert": {"id": 7, "title": "disk full"}}


def make(client: FlaskClient, **given: Any) -> dict[str, Any]:
    """Make a webhook; return what the API says, secrets included."""
    answer = client.post("/api/webhooks", json={**HOOK, **given})
    assert answer.status_code == 201, answer.get_data()
    made: dict[str, Any] = answer.get_json()
    return made


def deliver(
    app: Flask,
    secret: str,
    body: Any,
    *,
    name: str = "alerts",
    kind: str = "application/json",
    **headers: str,
) -> TestResponse:
    """Deliver a signed body as a program does that is not signed in."""
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    given = {"X-Errand-Signature": signature(secret, sent), "Content-Type": kind, **headers}
    return app.test_client().post(f"/webhooks/{name}", data=sent, headers=given)


def verdicts(client: FlaskClient) -> list[tuple[str, str]]:
    """Return what became of the deliveries, newest first."""
    items = client.get("/api/webhooks/alerts/deliveries").get_json()["items"]
    return [(one["verdict"], one["detail"]) for one in items]


def test_a_signed_delivery_becomes_a_task(
    app: Flask, client: FlaskClient, database: Database, echoes: Echoes
) -> None:
    """From outside, with the values as data; told to workers and viewers, written into the audit."""
    made = make(client)
    assert made["url"].endswith("/webhooks/alerts")

    answer = deliver(app, made["secret"], BODY)

    assert (answer.status_code, answer.get_json()["known"]) == (202, False)
    task = database.read(tasks.get, TaskId(answer.get_json()["task_id"]))
    assert (task.from_outside, task.agent, task.state) == (True, "brain", "queued")
    assert "Look into [alert.title]." in task.message
    assert "````text\ndisk full\n````" in task.message
    assert [one.id for one in echoes.tasks] == [task.id]
    assert verdicts(client) == [("task", "A task for brain.")]
    line = client.get("/api/audit?action=task made").get_json()["items"][0]
    assert (line["actor"], line["object"]) == ("webhook alerts", task.id)
    assert client.get("/api/webhooks/alerts").get_json()["used_at"] is not None


def test_a_double_is_known(app: Flask, client: FlaskClient, database: Database) -> None:
    """200 with the task that there is, whatever else differs; a delivery with another key is another task."""
    secret = make(client)["secret"]
    first = deliver(app, secret, BODY).get_json()

    again = deliver(app, secret, {"alert": {"id": 7, "title": "disk still full"}})
    other = deliver(app, secret, {"alert": {"id": 8, "title": "disk full"}})

    assert (again.status_code, again.get_json()) == (200, {"task_id": first["task_id"], "known": True})
    assert other.status_code == 202
    assert sum(database.read(tasks.counts).values()) == 2
    assert [verdict for verdict, _ in verdicts(client)] == ["task", "known", "task"]


def test_twenty_at_once_make_one_task(app: Flask, client: FlaskClient, database: Database) -> None:
    """Deliveries of one webhook take their turns."""
    secret = make(client)["secret"]

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: deliver(app, secret, BODY), range(20)))

    assert sorted(answer.status_code for answer in answers) == [200] * 19 + [202]
    assert len({answer.get_json()["task_id"] for answer in answers}) == 1
    assert sum(database.read(tasks.counts).values()) == 1


def test_without_a_key_the_same_body_is_the_same_for_a_while(
    app: Flask, client: FlaskClient, database: Database
) -> None:
    """A sender that asks again is known for ten minutes; what says the same every night is not."""
    secret = make(client, dedupe="")["secret"]
    assert deliver(app, secret, BODY).status_code == 202
    assert deliver(app, secret, BODY).status_code == 200

    earlier = utcnow() - webhooks.SAME_BODY - timedelta(seconds=1)
    database.write(lambda c: c.execute(text("UPDATE hook_deliveries SET received_at = :at"), {"at": earlier}))

    assert deliver(app, secret, BODY).status_code == 202


def test_who_is_not_signed_learns_nothing(app: Flask, client: FlaskClient, database: Database) -> None:
    """A wrong signature, none, another's, and a name that is not there: the same answer, and no row."""
    secret = make(client)["secret"]
    other = make(client, name="others")["secret"]

    answers = [
        deliver(app, "whs_guessed", BODY),
        deliver(app, other, BODY),
        deliver(app, secret, BODY, name="nobody"),
        deliver(app, secret, BODY, name="NOT_A.NAME"),
        app.test_client().post("/webhooks/alerts", json=BODY),
        app.test_client().post("/webhooks/alerts", json=BODY, headers={"Authorization": f"Bearer {secret}"}),
        app.test_client().post("/webhooks/nobody", json=BODY, headers={"Authorization": f"Bearer {secret}"}),
    ]

    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.get_data() for answer in answers}) == 1
    assert verdicts(client) == []
    assert sum(database.read(tasks.counts).values()) == 0


def test_who_cannot_sign_may_bring_the_secret(app: Flask, client: FlaskClient) -> None:
    """Where the webhook says so."""
    secret = make(client, bearer=True)["secret"]
    headers = {"Authorization": f"Bearer {secret}"}

    assert app.test_client().post("/webhooks/alerts", json=BODY, headers=headers).status_code == 202
    wrong = {"Authorization": "Bearer whs_guessed"}
    assert app.test_client().post("/webhooks/alerts", json=BODY, headers=wrong).status_code == 401


@pytest.mark.parametrize(
    ("body", "kind", "expected"),
    [
        (b"[1]", "application/json", (400, "bad_payload")),
        (b"{", "application/json", (400, "bad_payload")),
        (b"\xff", "text/plain", (400, "bad_payload")),
        (b"{}", "application/xml", (415, "unsupported_media_type")),
        (b"x" * (LARGEST + 1), "text/plain", (413, "too_large")),
    ],
    ids=["list", "cut", "latin", "xml", "large"],
)
def test_what_cannot_be_read_is_refused_and_explained(
    sqlite_app: Flask, sqlite_client: FlaskClient, body: bytes, kind: str, expected: tuple[int, str]
) -> None:
    """To the sender by a status, to the admin in the list; what is too large is not even kept."""
    secret = make(sqlite_client)["secret"]

    answer = deliver(sqlite_app, secret, body, kind=kind)

    assert (answer.status_code, answer.get_json()["reason"]) == expected
    kept = [] if answer.status_code == 413 else [("refused", answer.get_json()["detail"])]
    assert verdicts(sqlite_client) == kept


def test_forms_and_texts_are_taken_too(
    sqlite_app: Flask, sqlite_client: FlaskClient, sqlite: Database
) -> None:
    """Their fields, and all of them."""
    form = "application/x-www-form-urlencoded"
    secret = make(sqlite_client, template="{{ a }} and {{ . }}", dedupe="")["secret"]

    for body, kind, shown in ((b"a=x+y", form, "x y"), (b"just text", "text/plain", "just text")):
        answer = deliver(sqlite_app, secret, body, kind=kind)
        assert shown in sqlite.read(tasks.get, TaskId(answer.get_json()["task_id"])).message
    assert deliver(sqlite_app, secret, b"a" * LARGEST, kind="text/plain").status_code == 202


def test_a_disabled_one_takes_nothing(sqlite_app: Flask, sqlite_client: FlaskClient) -> None:
    """And says so only to who knows the secret."""
    secret = make(sqlite_client, enabled=False)["secret"]

    answer = deliver(sqlite_app, secret, BODY)

    assert (answer.status_code, answer.get_json()["reason"]) == (403, "webhook_disabled")
    assert deliver(sqlite_app, "whs_guessed", BODY).status_code == 401
    assert [verdict for verdict, _ in verdicts(sqlite_client)] == ["refused"]
    tried = sqlite_client.post("/api/webhooks/alerts/test", json={"payload": "{}"}).get_json()
    assert tried["verdict"] == "Refused: the webhook is switched off."


def test_a_full_queue_and_too_many_an_hour_are_429(
    make_app: AppMaker, sqlite: Database, redis_url: str
) -> None:
    """With Retry-After, so that the sender comes back; a double does not count."""
    app = make_app(sqlite, redis_url, tasks_per_hour=2)
    secret = make(signed_in(app), name="hourly")["secret"]
    for number in (1, 1, 1, 2, 3):
        answer = deliver(app, secret, {"alert": {"id": number}}, name="hourly")
    assert (answer.status_code, "Retry-After" in answer.headers) == (429, True)

    full = make_app(sqlite, redis_url, queue_limit=2)
    secret = make(signed_in(full))["secret"]
    answer = deliver(full, secret, BODY)
    assert (answer.status_code, answer.get_json()["reason"]) == (429, "queue_full")


def test_an_unknown_agent_is_answered_by_brain(
    sqlite_app: Flask, sqlite_client: FlaskClient, sqlite: Database
) -> None:
    """As everywhere, with a notice."""
    secret = make(sqlite_client, agent="gone")["secret"]

    task_id = deliver(sqlite_app, secret, BODY).get_json()["task_id"]

    task = sqlite.read(tasks.get, TaskId(task_id))
    assert (task.agent, task.last_seq) == ("brain", 1)


@pytest.mark.parametrize(
    "given",
    [
        *({"name": name} for name in ("github", "A", "", "a_b", "a/b", "a" * 42)),
        *({"template": text} for text in ("", " ", "{{ a b }}", "{% x %}", "a\0b", "x" * 70_000)),
        *({"dedupe": key} for key in ("a b", "header:", "header:a b", ".", "a..b")),
        *({"agent": name} for name in ("../brain", "")),
        *({"callback_url": url} for url in ("http://example.com", "https://127.0.0.1/", "https://0x7f.1/")),
        {"callback_url": "https://a:b@example.com"},
    ],
    ids=lambda given: repr(given)[:30],
)
def test_a_mistake_is_refused_when_it_is_saved(sqlite_client: FlaskClient, given: dict[str, Any]) -> None:
    """400 with a sentence; nothing is kept."""
    answer = sqlite_client.post("/api/webhooks", json={**HOOK, **given})

    assert answer.status_code == 400
    assert len(answer.get_json()["detail"]) > 10
    assert sqlite_client.get("/api/webhooks").get_json() == {"items": []}


def test_it_is_changed_and_deleted(app: Flask, client: FlaskClient, database: Database) -> None:
    """All but its secret; its tasks stay, its deliveries go, and its name can be had again."""
    secret = make(client)["secret"]
    task_id = deliver(app, secret, BODY).get_json()["task_id"]
    assert client.post("/api/webhooks", json=HOOK).get_json()["reason"] == "webhook_taken"

    changed = client.put("/api/webhooks/alerts", json={"template": "Now {{ x }}.", "agent": "demo"})
    assert (changed.status_code, changed.get_json()["dedupe"]) == (200, "")
    task = deliver(app, secret, {"x": 1}).get_json()["task_id"]
    assert database.read(tasks.get, TaskId(task)).agent == "demo"

    assert client.delete("/api/webhooks/alerts").status_code == 204
    assert client.delete("/api/webhooks/alerts").status_code == 404
    assert client.put("/api/webhooks/alerts", json={"template": "x"}).status_code == 404
    assert deliver(app, secret, BODY).status_code == 401
    assert client.get(f"/api/tasks/{task_id}").status_code == 200
    assert deliver(app, make(client)["secret"], BODY).status_code == 202
    actions = [line["action"] for line in client.get("/api/audit").get_json()["items"]]
    assert {"webhook made", "webhook changed", "webhook deleted"} <= set(actions)


def test_secrets_rotate_with_an_overlap(app: Flask, client: FlaskClient, database: Database) -> None:
    """Both are good until then, the new one alone afterwards; a callback's changes at once."""
    old = make(client)["secret"]

    rotated = client.post("/api/webhooks/alerts/rotate", json={}).get_json()

    assert rotated["previous_until"] is not None
    assert deliver(app, old, {"alert": {"id": 1}}).status_code == 202
    assert deliver(app, rotated["secret"], {"alert": {"id": 2}}).status_code == 202
    database.write(lambda c: c.execute(text("UPDATE webhooks SET previous_until = :at"), {"at": utcnow()}))
    assert deliver(app, old, {"alert": {"id": 3}}).status_code == 401
    newest = client.post("/api/webhooks/alerts/rotate", json={"keep_hours": 0}).get_json()["secret"]
    assert deliver(app, rotated["secret"], {"alert": {"id": 4}}).status_code == 401
    assert deliver(app, newest, {"alert": {"id": 4}}).status_code == 202
    told = client.post("/api/webhooks/alerts/rotate", json={"which": "callback"}).get_json()
    assert told["secret"] not in {old, newest}
    assert client.post("/api/webhooks/nobody/rotate", json={}).status_code == 404


def test_the_senders_secret_survives_several_rotations(app: Flask, client: FlaskClient) -> None:
    """The answer to a rotation may be lost, or its button pressed twice; `keep_hours` ends all of them."""
    old = make(client)["secret"]
    for _ in range(2):
        newest = client.post("/api/webhooks/alerts/rotate", json={}).get_json()["secret"]

    assert deliver(app, old, {"alert": {"id": 1}}).status_code == 202
    assert deliver(app, newest, {"alert": {"id": 2}}).status_code == 202
    client.post("/api/webhooks/alerts/rotate", json={"keep_hours": 0})
    client.post("/api/webhooks/alerts/rotate", json={})
    assert deliver(app, old, {"alert": {"id": 3}}).status_code == 401


def test_no_answer_and_no_row_holds_a_secret(app: Flask, client: FlaskClient, database: Database) -> None:
    """But the one that made it."""
    made = make(client)
    deliver(app, made["secret"], BODY)
    addresses = ("/api/webhooks", "/api/webhooks/alerts", "/api/webhooks/alerts/deliveries", "/api/audit")

    seen = "".join(client.get(address).get_data(as_text=True) for address in addresses)
    for table in ("webhooks", "hook_deliveries", "audit"):
        seen += database.read(lambda c, table=table: str(c.execute(text(f"SELECT * FROM {table}")).all()))  # type: ignore[misc]  # noqa: S608 - our own tables

    for secret in (made["secret"], made["callback_secret"]):
        assert secret.removeprefix("whs_") not in seen


def test_a_test_writes_nothing(client: FlaskClient, database: Database) -> None:
    """It says what the agent would be asked, what is missing, and whether it would be asked at all."""
    secret = make(client)["secret"]
    tried = client.post("/api/webhooks/alerts/test", json={"payload": json.dumps(BODY)}).get_json()
    assert (tried["verdict"], tried["missing"]) == ("A task for brain.", [])
    assert "disk full" in tried["message"]

    other = {"payload": "{}", "template": "See {{ x.y }}."}
    assert client.post("/api/webhooks/alerts/test", json=other).get_json()["missing"] == ["x.y"]
    templates = [{"payload": "{}", "template": wrong} for wrong in ("{{", " ", "x" * 65_537)]
    for wrong in ({"payload": "{"}, *templates):
        assert client.post("/api/webhooks/alerts/test", json=wrong).status_code == 400
    assert verdicts(client) == []
    assert sum(database.read(tasks.counts).values()) == 0

    deliver(client.application, secret, BODY)
    tried = client.post("/api/webhooks/alerts/test", json={"payload": json.dumps(BODY)}).get_json()
    assert tried["verdict"].startswith("Known")


def test_a_callback_that_was_given_up_is_told_again(
    app: Flask, client: FlaskClient, database: Database
) -> None:
    """With a line in the audit; what has no task, or was not given up, is refused."""
    secret = make(client, callback_url="https://hooks.example/told")["secret"]
    deliver(app, secret, BODY)
    deliver(app, secret, b"no", kind="text/xml")
    wrong, made = client.get("/api/webhooks/alerts/deliveries").get_json()["items"]
    address = f"/api/webhooks/alerts/deliveries/{made['id']}/callback"
    assert client.post(address).status_code == 409
    assert client.post(address.replace(made["id"], wrong["id"])).status_code == 409
    assert client.post(address.replace("alerts", "others")).status_code == 404
    database.write(lambda c: c.execute(text("UPDATE callbacks SET state = 'failed', tries = 8")))

    answer = client.post(address)

    assert (answer.status_code, answer.get_json()["callback"]["state"]) == (202, "open")
    assert client.get("/api/audit?limit=1").get_json()["items"][0]["action"] == "callback sent again"


def test_a_delivery_is_shown_as_it_came(app: Flask, client: FlaskClient, database: Database) -> None:
    """For thirty days."""
    secret = make(client)["secret"]
    sent = json.dumps(BODY, indent=3).encode()
    deliver(app, secret, sent)
    [listed] = client.get("/api/webhooks/alerts/deliveries").get_json()["items"]
    address = f"/api/webhooks/alerts/deliveries/{listed['id']}"
    assert client.get(address).get_json()["body"] == sent.decode()
    assert (listed["size"], listed["callback"]) == (len(sent), None)
    other = make(client, name="others")
    assert client.get(address.replace("alerts", other["name"])).status_code == 404

    purge_traces(database)
    assert client.get(address).status_code == 200
    earlier = utcnow() - webhooks.KEPT - timedelta(days=1)
    database.write(lambda c: c.execute(text("UPDATE hook_deliveries SET received_at = :at"), {"at": earlier}))
    purge_traces(database)
    assert client.get(address).status_code == 404


def test_keys_rotate_and_a_lost_key_is_said(make_app: AppMaker, sqlite: Database, redis_url: str) -> None:
    """Sealed again under the new key it opens with that alone; with neither the webhook says so."""
    old, new = (Fernet.generate_key().decode() for _ in range(2))
    secret = make(signed_in(make_app(sqlite, redis_url, fernet_keys_given=old)))["secret"]
    both = make_app(sqlite, redis_url, fernet_keys_given=f"{new},{old}")
    assert signed_in(both).post("/api/credentials/rotate").get_json()["rotated"] == ["webhook:alerts"]

    alone = make_app(sqlite, redis_url, fernet_keys_given=new)
    assert deliver(alone, secret, BODY).status_code == 202
    lost = make_app(sqlite, redis_url, fernet_keys_given=Fernet.generate_key().decode())
    assert deliver(lost, secret, BODY).status_code == 401
    client = signed_in(lost)
    assert client.get("/api/webhooks").get_json()["items"][0]["readable"] is False
    assert client.post("/api/credentials/rotate").get_json()["unreadable"] == ["webhook:alerts"]
    fresh = client.post("/api/webhooks/alerts/rotate", json={}).get_json()["secret"]
    assert deliver(lost, fresh, {"alert": {"id": 8}}).status_code == 202
