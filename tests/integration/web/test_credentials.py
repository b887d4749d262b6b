"""Credentials over REST: kept, never shown, in a valid document; and what the page is told of them."""

import json
import secrets
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from app.clock import rfc3339
from app.db import credentials, tasks
from app.db.engine import Database
from app.db.tasks import NewTask
from app.domain.reason import Reason
from app.domain.task import Task, TaskState
from tests.integration.web.conftest import AppMaker, signed_in

VALUE = "sk-ant-api03-" + secrets.token_urlsafe(40)
VARIABLES = {"variables": {"ANTHROPIC_API_KEY": VALUE}}


def in_hours(hours: float) -> datetime:
    """Return that time from now."""
    return datetime.now(UTC) + timedelta(hours=hours)


def signed_in_claude(expires: object) -> dict[str, str]:
    """Return what stores a signed-in Claude Code."""
    pair = {"accessToken": VALUE, "refreshToken": f"r-{VALUE}", "expiresAt": expires}
    return {"claude": json.dumps({"claudeAiOauth": pair})}


def waiting_task(db: Database, name: str) -> Task:
    """Return a Task that waits for this credential."""
    task = db.write(tasks.create, NewTask("do it", agent="brain", cli="claude", max_attempts=3))
    held = db.write(
        credentials.hold, task.id, by=name, reason=Reason.CREDENTIAL_REFUSED, detail="It was refused."
    )
    assert held is not None
    return held


def test_no_answer_holds_the_value(client: FlaskClient, database: Database) -> None:
    """SEC-03: stored, replaced, listed, removed, and no answer tells it; only its end is shown."""
    answers = [
        client.put("/api/credentials/anthropic", json=VARIABLES),
        client.put("/api/credentials/anthropic", json=VARIABLES),
        client.put("/api/credentials/oauth", json=signed_in_claude(in_hours(5).timestamp())),
        client.get("/api/credentials"),
        client.get("/settings"),
        client.get("/api/status"),
        client.post("/api/credentials/rotate"),
    ]
    assert {answer.status_code for answer in answers} == {200}
    one, _ = client.get("/api/credentials").get_json()["items"]
    assert (one["name"], one["kind"], one["set"], one["state"]) == ("anthropic", "env", True, "usable")
    assert (one["variables"], one["last4"]) == (["ANTHROPIC_API_KEY"], VALUE[-4:])
    assert database.read(credentials.get, "anthropic").revision == 2

    answers += [client.delete("/api/credentials/anthropic"), client.delete("/api/credentials/anthropic")]

    assert [answer.status_code for answer in answers[-2:]] == [204, 404]
    assert not [answer for answer in answers if VALUE[:-4] in answer.get_data(as_text=True)]


def test_the_database_holds_it_encrypted(client: FlaskClient, database: Database) -> None:
    """SEC-05: no row has the value, nor anything that is the value in another form."""
    client.put("/api/credentials/anthropic", json=VARIABLES)
    client.put("/api/credentials/oauth", json=signed_in_claude(in_hours(5).timestamp()))

    rows = database.read(lambda c: str(c.execute(text("SELECT * FROM credentials")).all()))

    assert "anthropic" in rows
    for form in (VALUE, VALUE[:-4], VALUE[::-1], VALUE.encode().hex(), json.dumps(VALUE)):
        assert form not in rows


@pytest.mark.parametrize(
    ("expires", "shown"),
    [
        (1_900_000_000, "2030-03-17T17:46:40.000000Z"),
        (1_900_000_000_000, "2030-03-17T17:46:40.000000Z"),
        ("1900000000", "2030-03-17T17:46:40.000000Z"),
        ("2030-03-17T18:46:40+01:00", "2030-03-17T17:46:40.000000Z"),
    ],
)
def test_an_end_is_one_time_however_it_is_written(client: FlaskClient, expires: object, shown: str) -> None:
    """SEC-09: seconds, milliseconds, text."""
    answer = client.put("/api/credentials/a", json=signed_in_claude(expires))
    assert (answer.status_code, answer.get_json()["expires_at"]) == (200, shown)
    answer = client.put("/api/credentials/b", json={**VARIABLES, "expires_at": expires})
    assert (answer.status_code, answer.get_json()["expires_at"]) == (200, shown)


@pytest.mark.parametrize(
    "expires", [None, 0, -5, 10**18, "soon", "2030-01-01T00:00:00", True, [], 1e400, 10**400]
)
def test_an_end_that_is_none_is_refused(sqlite_client: FlaskClient, expires: object) -> None:
    """SEC-09: 400 with a sentence that quotes nothing of it."""
    answer = sqlite_client.put("/api/credentials/a", json=signed_in_claude(expires))

    assert (answer.status_code, answer.get_json()["reason"]) == (400, "credentials_invalid")
    assert VALUE not in answer.get_data(as_text=True)


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("Anthropic", VARIABLES),
        ("a" * 42, VARIABLES),
        ("a_b", VARIABLES),
        ("a", {}),
        ("a", {"variables": {}}),
        ("a", {**VARIABLES, **signed_in_claude(1_900_000_000)}),
        ("a", {"variables": {"A KEY": VALUE}}),
        ("a", {"variables": {VALUE + "=": "x"}}),
        ("a", {"variables": {"PATH": "/tmp"}}),
        ("a", {"variables": {"LD_PRELOAD": "/tmp/x"}}),
        ("a", {"variables": {"DATABASE_URL": VALUE}}),
        ("a", {"variables": {"KEY": ""}}),
        ("a", {"variables": {"KEY": "  \n"}}),
        ("a", {"variables": {"KEY": "a\0b"}}),
        ("a", {"variables": {"KEY": 5}}),
        ("a", {"variables": {"KEY": "x" * 70_000}}),
        ("a", {"claude": VALUE}),
        ("a", {"claude": "{}"}),
        ("a", {"claude": json.dumps({"claudeAiOauth": {"accessToken": "a\0b", "expiresAt": 1_900_000_000}})}),
        ("a", {"claude": signed_in_claude(1_900_000_000)["claude"] + " " * 70_000}),
        ("a", {**VARIABLES, "expires_at": "soon"}),
    ],
)
def test_what_cannot_be_one_is_refused(sqlite_client: FlaskClient, name: str, body: dict[str, Any]) -> None:
    """400 with a sentence, and no value in it."""
    answer = sqlite_client.put(f"/api/credentials/{name}", json=body)

    assert answer.status_code == 400
    assert VALUE not in answer.get_data(as_text=True)
    assert sqlite_client.get("/api/credentials").get_json() == {"items": []}


def test_a_new_value_lets_those_go_that_wait(client: FlaskClient, database: Database) -> None:
    """They are queued without a hold, and rung for."""
    waiting, other = waiting_task(database, "anthropic"), waiting_task(database, "openai")

    client.put("/api/credentials/anthropic", json=VARIABLES)

    free = client.get(f"/api/tasks/{waiting.id}").get_json()
    assert (free["state"], free["hold"], free["reason"], free["detail"]) == ("queued", None, None, "")
    held = client.get(f"/api/tasks/{other.id}").get_json()
    assert (held["hold"], held["detail"]) == ("credential_expired", "It was refused.")


def test_a_refused_one_can_be_tried_again(client: FlaskClient, database: Database) -> None:
    """Once; one that was not refused is 409, one that is not there 404. So with a worker's environment."""
    client.put("/api/credentials/anthropic", json=VARIABLES)
    assert client.post("/api/credentials/anthropic/retry").status_code == 409
    assert client.post("/api/credentials/other/retry").status_code == 404
    database.write(credentials.refuse, "anthropic", 1, detail="Refused, replace it.")
    own = "environment:claude:0123456789ab"
    database.write(credentials.refuse_environment, own, detail="Refused, start anew.")
    held = [waiting_task(database, name) for name in ("anthropic", own)]
    shown = {one["name"]: one for one in client.get("/api/credentials").get_json()["items"]}
    assert {(one["state"], one["waiting"]) for one in shown.values()} == {("refused", 1)}
    assert (shown[own]["set"], shown[own]["retry_at"] is None) == (False, False)
    problems = client.get("/api/status").get_json()["problems"]
    assert "Refused, replace it. 1 task waits for it." in problems

    for name in ("anthropic", own):
        assert client.post(f"/api/credentials/{name}/retry").get_json() == {"released": 1}

    assert {database.read(tasks.get, task.id).hold for task in held} == {None}
    assert [one["name"] for one in client.get("/api/credentials").get_json()["items"]] == ["anthropic"]
    assert {database.read(tasks.get, task.id).state for task in held} == {TaskState.QUEUED}


def test_the_page_is_told_of_ends(sqlite_client: FlaskClient) -> None:
    """SEC-09: 7 days, a day, an hour before, and then that it is over."""
    for hours, words in [
        (24 * 8, None),
        (24 * 6, "7 days"),
        (20, "a day"),
        (0.5, "an hour"),
        (-1, "expired"),
    ]:
        body = {**VARIABLES, "expires_at": rfc3339(in_hours(hours))}
        assert sqlite_client.put("/api/credentials/anthropic", json=body).status_code == 200
        told = [one for one in sqlite_client.get("/api/status").get_json()["problems"] if "anthropic" in one]
        assert [words in one for one in told if words] == ([] if words is None else [True]), told


def test_under_another_key_the_app_is_up(
    make_app: AppMaker, sqlite: Database, redis_url: str, sqlite_client: FlaskClient
) -> None:
    """SEC-07: listed as unreadable, said on the page with what to do, replaced by storing it again."""
    sqlite_client.put("/api/credentials/anthropic", json=VARIABLES)
    key = Fernet.generate_key().decode()

    client = signed_in(make_app(sqlite, redis_url, fernet_keys_given=key))

    assert client.get("/api/credentials").get_json()["items"][0]["state"] == "unreadable"
    assert any("ERRAND_FERNET_KEYS" in one for one in client.get("/api/status").get_json()["problems"])
    assert client.post("/api/credentials/rotate").get_json() == {"rotated": [], "unreadable": ["anthropic"]}
    assert client.put("/api/credentials/anthropic", json=VARIABLES).get_json()["state"] == "usable"


def test_rotated_it_opens_under_the_new_key_alone(
    make_app: AppMaker, sqlite: Database, redis_url: str, tmp_path: Path
) -> None:
    """New in front of old, rotate, and the old one can go; what was unreadable is as it was."""
    old, new = (Fernet.generate_key().decode() for _ in range(2))
    signed_in(make_app(sqlite, redis_url, fernet_keys_given=old)).put("/api/credentials/a", json=VARIABLES)
    both = signed_in(make_app(sqlite, redis_url, fernet_keys_given=f"{new}, {old}"))
    both.put("/api/credentials/b", json=VARIABLES)

    assert both.post("/api/credentials/rotate").get_json() == {"rotated": ["a", "b"], "unreadable": []}

    alone = signed_in(make_app(sqlite, redis_url, fernet_keys_given=new))
    assert {one["state"] for one in alone.get("/api/credentials").get_json()["items"]} == {"usable"}
    assert not list(tmp_path.rglob("credentials-key"))


def test_stored_twice_at_once_one_of_the_values_stays(app: Flask, database: Database) -> None:
    """Neither is an error."""
    with ThreadPoolExecutor(8) as pool:
        put = [pool.submit(signed_in(app).put, "/api/credentials/a", json=VARIABLES) for _ in range(8)]
        assert {one.result(30).status_code for one in put} == {200}

    assert database.read(credentials.get, "a").revision == 8


def test_a_row_under_another_name_does_not_open(sqlite_client: FlaskClient, sqlite: Database) -> None:
    """Who can write to the database can't give one agent another one's credential."""
    sqlite_client.put("/api/credentials/mine", json=VARIABLES)
    sqlite.write(lambda c: c.execute(text("UPDATE credentials SET name = 'yours'")))

    assert sqlite_client.get("/api/credentials").get_json()["items"][0]["state"] == "unreadable"


def test_the_kept_key_is_for_its_owner_alone(sqlite_app: Flask, tmp_path: Path) -> None:
    """Made once, mode 0600, not in the database's file."""
    key = tmp_path / "data" / "credentials-key"

    assert sqlite_app is not None
    assert key.stat().st_mode & 0o777 == 0o600
    assert len(key.read_text()) == 43


def test_a_redis_that_is_open_to_its_network_is_said(
    make_app: AppMaker, sqlite: Database, redis_url: str
) -> None:
    """DB-07: on the page as long as it is so."""
    app = make_app(sqlite, redis_url)
    assert not [one for one in signed_in(app).get("/api/status").get_json()["problems"] if "REDIS_URL" in one]

    app = make_app(sqlite, "redis://203.0.113.7:6379/0")
    assert [one for one in signed_in(app).get("/api/status").get_json()["problems"] if "REDIS_URL" in one]


def test_who_changed_what_stands_in_the_audit(client: FlaskClient) -> None:
    """Stored, encrypted again, removed: by whom, and never the value."""
    client.put("/api/credentials/anthropic", json=VARIABLES)
    client.post("/api/credentials/rotate")
    client.delete("/api/credentials/anthropic")

    told = client.get("/api/audit")

    actions = [(line["action"], line["object"]) for line in told.get_json()["items"]]
    assert actions[:3] == [
        ("credential removed", "anthropic"),
        ("credentials rotated", ""),
        ("credential stored", "anthropic"),
    ]
    assert VALUE not in told.text
