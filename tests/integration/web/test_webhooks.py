"""POST /webhooks/github: what is signed is kept, once; everything else costs nothing."""

import io
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlencode

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.db import deliveries
from app.db.engine import Database
from app.domain.delivery import DeliveryState, Recorded
from app.github.json_body import LARGEST
from app.github.signature import signature
from tests.fakes.github import deliveries as payloads
from tests.integration.web.conftest import AppMaker

OTHER_SECRET = "another-secret-while-it-is-replaced"


@pytest.fixture
def hook(make_app: AppMaker, database: Database, redis_url: str) -> Flask:
    """An app that takes webhooks, over each kind of database."""
    return make_app(database, redis_url, github_webhook_secret=f"{payloads.SECRET}, {OTHER_SECRET}")


@pytest.fixture
def client(hook: Flask) -> FlaskClient:
    """GitHub."""
    return hook.test_client()


def kept(db: Database) -> list[Recorded]:
    """Return every Delivery that is kept."""
    return db.read(deliveries.page, limit=1000)


def post(client: FlaskClient, event: str, payload: Any, **headers: str) -> Any:
    """Deliver a payload as GitHub does."""
    body = payload if isinstance(payload, bytes) else payloads.encode(payload)
    return client.post("/webhooks/github", data=body, headers={**payloads.headers(event, body), **headers})


def test_a_signed_comment_is_kept_and_rung_for(client: FlaskClient, database: Database) -> None:
    """WH-01: answered with 202 when it is stored, with the bytes as they came."""
    answer = post(client, "issue_comment", payloads.comment("@agent look"))

    assert answer.status_code == 202, answer.get_data()
    [row] = kept(database)
    assert (row.event, row.action, row.repository, row.sender) == (
        "issue_comment",
        "created",
        "octo/hello",
        "mona",
    )
    assert row.state is DeliveryState.RECEIVED
    body = database.read(deliveries.body, row.id)
    assert json.loads(body)["comment"]["body"] == "@agent look"
    assert answer.get_json()["delivery_id"] == row.id


@pytest.mark.parametrize(
    "given",
    [
        None,
        "",
        "sha256=",
        "sha256=abc",
        "SHA256=" + "0" * 64,
        "sha1=" + "0" * 40,
        signature("", b"{}"),
        signature(payloads.SECRET, b"{ }"),
    ],
)
def test_what_is_not_signed_leaves_no_trace(
    client: FlaskClient, database: Database, given: str | None
) -> None:
    """WH-02 to WH-04: 401, nothing is kept, and the body is not sent back."""
    headers = {**payloads.headers("issue_comment", b"{}"), "X-Hub-Signature": "sha1=" + "0" * 40}
    headers.pop("X-Hub-Signature-256")
    if given is not None:
        headers["X-Hub-Signature-256"] = given
    answer = client.post("/webhooks/github", data=b"{}", headers=headers)

    assert (answer.status_code, answer.get_json()["reason"]) == (401, "bad_signature")
    assert kept(database) == []


def test_two_secrets_are_good_while_one_is_replaced(client: FlaskClient) -> None:
    """And a body with escapes is verified as it came."""
    body = rb'{"zen": "\u00e4", "hook_id": 1}'
    answer = post(client, "ping", body, **{"X-Hub-Signature-256": signature(OTHER_SECRET, body)})

    assert (answer.status_code, answer.get_json()["verdict"]) == (200, "ignored")


@pytest.mark.parametrize("secret", ["", " , "])
def test_without_a_secret_nothing_is_taken(
    make_app: AppMaker, database: Database, redis_url: str, secret: str
) -> None:
    """WH-05: not even what is signed with the empty key."""
    client = make_app(database, redis_url, github_webhook_secret=secret).test_client()
    body = payloads.encode(payloads.comment("@agent look"))
    answer = client.post(
        "/webhooks/github", data=body, headers=payloads.headers("issue_comment", body, secret="")
    )

    assert (answer.status_code, answer.get_json()["reason"]) == (503, "webhook_secret_missing")
    assert kept(database) == []


def test_one_delivery_is_kept_once(hook: Flask, database: Database) -> None:
    """WH-06: twice, then fifty times at once."""
    body = payloads.encode(payloads.comment("@agent look"))
    headers = payloads.headers("issue_comment", body)

    def deliver(_: int) -> int:
        return hook.test_client().post("/webhooks/github", data=body, headers=headers).status_code

    assert [deliver(0), deliver(1)] == [202, 200]
    with ThreadPoolExecutor(16) as pool:
        assert set(pool.map(deliver, range(50))) == {200}
    assert len(kept(database)) == 1


def test_a_race_of_one_delivery_has_one_winner(hook: Flask, database: Database) -> None:
    """WH-06: where nobody was first."""
    body = payloads.encode(payloads.comment("@agent look"))
    headers = payloads.headers("issue_comment", body)

    def deliver(_: int) -> int:
        return hook.test_client().post("/webhooks/github", data=body, headers=headers).status_code

    with ThreadPoolExecutor(16) as pool:
        assert sorted(pool.map(deliver, range(16))) == [200] * 15 + [202]
    assert len(kept(database)) == 1


def test_a_body_that_is_too_large_is_refused(client: FlaskClient, database: Database) -> None:
    """WH-07: by its length before it is read, and by its bytes where it does not say how long it is."""
    body = b" " * (LARGEST + 1)
    headers = payloads.headers("ping", b"")
    told = client.post("/webhooks/github", data=body, headers=headers)
    stream = {"wsgi.input": io.BytesIO(body), "wsgi.input_terminated": True}
    untold = client.post("/webhooks/github", headers=headers, environ_overrides=stream)

    assert [told.status_code, untold.status_code] == [413, 413]
    assert kept(database) == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"x",
        b"[]",
        b"null",
        b'"x"',
        b"{}",
        b'{"a": NaN}',
        b"[" * 10_000,
        b'{"action": "created", "action": "edited"}',
        b'{"a": "\xff"}',
        rb'{"a": "\ud800"}',
        b'{"action": "created", "repository": 7, "sender": [], "issue": {}, "comment": null}',
    ],
)
def test_what_is_no_payload_is_refused(client: FlaskClient, database: Database, body: bytes) -> None:
    """WH-08: although it is signed; never a failure of ours."""
    answer = post(client, "issue_comment", body)

    assert (answer.status_code, answer.get_json()["reason"]) == (400, "bad_payload")
    assert kept(database) == []


def test_what_asks_for_nothing_is_kept_with_its_reason(client: FlaskClient, database: Database) -> None:
    """WH-09: a ping, an event that is not read, an action that is not; NUL in it harms no database."""
    payload = payloads.comment("@agent look", action="deleted")
    answers = [
        post(client, "ping", {"zen": "Keep it simple."}),
        post(client, "star", {"action": "cre\0ated", "sender": payloads.user("mona")}),
        post(client, "issue_comment", payload),
    ]

    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert {row.code for row in kept(database)} == {"ping", "unused_event"}
    assert {row.state for row in kept(database)} == {DeliveryState.DONE}


def test_other_types_are_read_or_refused(client: FlaskClient) -> None:
    """WH-19: a form is verified over its raw bytes and read; what is neither is 415."""
    form = urlencode({"payload": json.dumps(payloads.comment("@agent look"))}).encode()
    as_form = post(client, "issue_comment", form, **{"Content-Type": "application/x-www-form-urlencoded"})
    as_text = post(client, "issue_comment", form, **{"Content-Type": "text/plain"})

    assert [as_form.status_code, as_text.status_code] == [202, 415]


def test_every_example_of_githubs_is_taken(client: FlaskClient, database: Database) -> None:
    """None makes the server fail, and each is kept with a state."""
    statuses = {post(client, event, payload).status_code for event, payload in payloads.examples()}

    assert statuses == {200, 202}
    assert len(kept(database)) == min(1000, len(payloads.examples()))


def test_two_hundred_in_a_row_are_kept_and_again_are_known(client: FlaskClient, database: Database) -> None:
    """WH-17: who signs rightly is not limited by address; the same once more changes nothing."""
    sent = [payloads.encode(payloads.comment("@agent look", number=number)) for number in range(700)]
    signed = [(body, payloads.headers("issue_comment", body)) for body in sent]

    def deliver() -> set[int]:
        answers = [client.post("/webhooks/github", data=body, headers=headers) for body, headers in signed]
        return {answer.status_code for answer in answers}

    assert deliver() == {202}
    assert deliver() == {200}
    assert len(kept(database)) == 700


def test_without_redis_it_is_kept_all_the_same(make_app: AppMaker, database: Database) -> None:
    """WH-18: nobody was told, which the row says."""
    hook = make_app(database, "redis://127.0.0.1:1/0", github_webhook_secret=payloads.SECRET)
    answer = post(hook.test_client(), "issue_comment", payloads.comment("@agent look"))

    assert answer.status_code == 202
    [row] = kept(database)
    now = row.received_at
    assert database.read(deliveries.unrung, now=now, rung_before=now, limit=9) == [row.id]
