"""Passwords and links: who is let in, how fast they are told, and what a sign-in leaves behind."""

import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Connection, update
from werkzeug.test import TestResponse

from app.clock import utcnow
from app.db import links, rows
from app.db.engine import Database
from app.security import passwords, tokens
from tests.integration.web.conftest import TOKEN, AppMaker, signed_in
from tests.integration.web.people import (
    OURS,
    PASSWORD,
    audit_of,
    browser_of,
    make_user,
    program,
    sign_in,
    token_of,
)


def open_link(app: Flask, secret: str, **more: object) -> TestResponse:
    """Use a link."""
    return app.test_client().post("/login", json={"token": secret, **more}, headers=OURS)


def test_wrong_and_unknown_and_shut_out_get_the_same_answer(sqlite_app: Flask) -> None:
    """Nobody learns which logins there are."""
    user = make_user(sqlite_app, "gone", "viewer")["id"]
    signed_in(sqlite_app).post(f"/api/users/{user}", json={"disabled": True})
    make_user(sqlite_app, "there", "viewer")
    make_user(sqlite_app, "invited", "viewer", password=None)
    tries = [("there", "wrong"), ("nobody", "wrong"), ("gone", PASSWORD), ("invited", "wrong")]

    answers = [sign_in(sqlite_app.test_client(), *pair) for pair in tries]

    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.get_data() for answer in answers}) == 1


def test_an_unknown_login_takes_as_long() -> None:
    """Medians within a third of each other: both hash once."""
    kept = passwords.stored(PASSWORD)
    passwords.is_right("warm up", None)

    def took(stored: str | None) -> float:
        began = time.process_time()
        passwords.is_right("wrong", stored)
        return time.process_time() - began

    known, unknown = (statistics.median(took(stored) for _ in range(5)) for stored in (kept, None))

    assert abs(known - unknown) < max(known, unknown) / 3


@pytest.mark.parametrize(("length", "status"), [(9, 400), (10, 201), (1024, 201), (1025, 400)])
def test_a_password_has_ten_to_1024_characters(sqlite_app: Flask, length: int, status: int) -> None:
    """Longer ones cost hashing time, shorter ones protect nothing."""
    answer = signed_in(sqlite_app).post("/api/users", json={"login": "x", "password": "p" * length})

    assert answer.status_code == status


def test_the_cookie_changes_at_each_sign_in(sqlite_app: Flask) -> None:
    """UI-07: what somebody planted before, or kept from before, opens nothing."""
    make_user(sqlite_app, "a", "viewer")
    client = sqlite_app.test_client()
    name = sqlite_app.extensions["errand.auth"].cookie_name
    client.set_cookie(name, "planted")
    values = []
    for _ in range(2):
        sign_in(client, "a")
        kept = client.get_cookie(name)
        assert kept is not None
        values.append(kept.value)
    stale = sqlite_app.test_client()
    stale.set_cookie(name, values[0])

    assert len({"planted", *values}) == 3
    assert stale.get("/api/tasks").status_code == 401


def test_over_https_the_cookie_is_bound_to_the_host(
    make_app: AppMaker, sqlite: Database, redis_url: str
) -> None:
    """UI-07: __Host- and Secure behind a proxy that ends TLS; neither on plain loopback."""
    app = make_app(sqlite, redis_url, proxy_hops=1)
    client = app.test_client()
    https = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "10.1.2.3"}
    plain = client.post("/login", json={"token": TOKEN}).headers["Set-Cookie"]

    secure = client.post("/login", json={"token": TOKEN}, headers=https).headers["Set-Cookie"]

    assert plain.startswith("errand_")
    assert "Secure" not in plain
    assert secure.startswith("__Host-errand_")
    assert all(flag in secure for flag in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/"))
    assert "Domain" not in secure


def test_signing_out_ends_copies_of_the_cookie_too(sqlite_app: Flask) -> None:
    """The row is gone, not only the browser's memory."""
    client = browser_of(sqlite_app, "a", "viewer")
    name = sqlite_app.extensions["errand.auth"].cookie_name
    kept = client.get_cookie(name)
    assert kept is not None
    thief = sqlite_app.test_client()
    thief.set_cookie(name, kept.value)
    assert thief.get("/api/tasks").status_code == 200

    client.post("/logout", headers=OURS)

    assert thief.get("/api/tasks").status_code == 401


def test_one_sees_ones_sign_ins_and_ends_them(app: Flask) -> None:
    """The other browser is out at once."""
    here = browser_of(app, "a", "viewer")
    there = app.test_client()
    sign_in(there, "a")
    items = here.get("/api/account/logins").get_json()["items"]
    assert sorted(item["this"] for item in items) == [False, True]
    other = next(item["id"] for item in items if not item["this"])

    assert here.post(f"/api/account/logins/{other}/revoke", headers=OURS).status_code == 204

    assert there.get("/api/tasks").status_code == 401
    assert here.get("/api/tasks").status_code == 200


def test_a_new_password_signs_the_others_out(sqlite_app: Flask) -> None:
    """And needs the old one, whose guesses are counted."""
    here = browser_of(sqlite_app, "a", "viewer")
    there = sqlite_app.test_client()
    sign_in(there, "a")
    change = {"old": "wrong", "password": "another password"}
    assert here.post("/api/account/password", json=change, headers=OURS).status_code == 403
    change["old"] = PASSWORD

    assert here.post("/api/account/password", json=change, headers=OURS).status_code == 204

    assert here.get("/api/tasks").status_code == 200
    assert there.get("/api/tasks").status_code == 401
    assert sign_in(sqlite_app.test_client(), "a").status_code == 401
    assert sign_in(sqlite_app.test_client(), "a", "another password").status_code == 200


def test_only_a_fresh_link_spares_the_old_password(sqlite_app: Flask, sqlite: Database) -> None:
    """An hour later one has to know it; who has none asks for another link."""
    secret = make_user(sqlite_app, "a", "viewer", password=None)["link"]["url"].partition("#token=")[2]
    client = sqlite_app.test_client()
    client.post("/login", json={"token": secret}, headers=OURS)
    assert client.get("/api/account").get_json()["may_set_password"]
    old = utcnow() - timedelta(minutes=61)
    sqlite.write(lambda c: c.execute(update(rows.logins).values(created_at=old)))

    answer = client.post("/api/account/password", json={"password": PASSWORD}, headers=OURS)

    assert answer.status_code == 403
    assert "ask an admin for a link" in answer.get_json()["detail"]
    assert not client.get("/api/account").get_json()["may_set_password"]


def test_a_link_lets_a_user_choose_a_password(app: Flask) -> None:
    """Once; the page it leads to is the one to do that."""
    made = make_user(app, "a", "operator", password=None)
    secret = urlsplit(made["link"]["url"]).fragment.removeprefix("token=")
    client = app.test_client()

    came = client.post("/login", json={"token": secret}, headers=OURS)
    chose = client.post("/api/account/password", json={"password": PASSWORD}, headers=OURS)

    assert came.get_json() == {"name": "a", "role": "operator", "next": "/settings#account"}
    assert chose.status_code == 204
    assert sign_in(app.test_client(), "a").status_code == 200
    again = open_link(app, secret)
    assert (again.status_code, again.get_json()["reason"]) == (401, "link_spent")
    assert "used already" in again.get_json()["detail"]
    assert "Ask an admin" in again.get_json()["detail"]


@pytest.mark.parametrize(
    ("change", "word"),
    [({"revoked_at": utcnow()}, "was replaced"), ({"expires_at": utcnow()}, "older than a day")],
)
def test_a_link_that_is_worth_nothing_says_why(
    sqlite_app: Flask, sqlite: Database, change: dict[str, object], word: str
) -> None:
    """And what makes a fresh one."""
    secret = tokens.new()
    sqlite.write(links.make, tokens.digest(secret))
    sqlite.write(lambda c: c.execute(update(rows.links).values(change)))

    answer = open_link(sqlite_app, secret)

    assert answer.status_code == 401
    assert word in answer.get_json()["detail"]
    assert "`errand link`" in answer.get_json()["detail"]


def test_of_twenty_who_use_one_link_one_gets_in(app: Flask, database: Database) -> None:
    """Thirty times over: the database decides, not luck."""
    for round_ in range(30):
        secret = tokens.new()
        database.write(links.make, tokens.digest(secret))

        def use(number: int, secret: str = secret, round_: int = round_) -> int:
            client = app.test_client()
            here = {"REMOTE_ADDR": f"10.{round_}.0.{number}"}
            return client.post("/login", json={"token": secret}, environ_base=here).status_code

        with ThreadPoolExecutor(20) as crowd:
            statuses = sorted(crowd.map(use, range(20)))

        assert statuses == [200] + [401] * 19


def test_the_first_link_is_made_once(database: Database) -> None:
    """Of twenty processes that start at once one prints it, and it is not made again."""
    with ThreadPoolExecutor(20) as crowd:
        made = list(
            crowd.map(lambda _: database.write(links.make_first, tokens.digest(tokens.new())), range(20))
        )

    assert sorted(made) == [False] * 19 + [True]
    assert not database.write(links.make_first, "again")


def test_the_first_link_is_made_anew_when_it_ran_out(sqlite: Database, sqlite_app: Flask) -> None:
    """Nobody used it for a day. Once there is a user, there is no such link."""
    assert sqlite.write(links.make_first, "one")
    sqlite.write(lambda c: c.execute(update(rows.links).values(expires_at=utcnow() - timedelta(minutes=1))))

    assert sqlite.write(links.make_first, "two")
    make_user(sqlite_app, "a", "admin")
    sqlite.write(lambda c: c.execute(rows.links.delete()))
    assert not sqlite.write(links.make_first, "three")


def test_the_built_in_admin_becomes_a_user(app: Flask, database: Database) -> None:
    """UI-06: by the link from the terminal, with a login and a password, in the same browser."""
    secret = tokens.new()
    database.write(links.make_first, tokens.digest(secret))
    client = app.test_client()
    assert client.get("/").headers["Location"].startswith("/login")
    came = client.post("/login", json={"token": secret}, headers=OURS)
    assert came.get_json() == {"name": "admin", "role": "admin", "next": "/"}
    assert client.get("/api/account").get_json()["first_user"]

    made = client.post("/api/account", json={"login": "me", "password": PASSWORD}, headers=OURS)

    assert (made.status_code, made.get_json()["name"]) == (200, "me")
    account = client.get("/api/account").get_json()
    assert (account["name"], account["built_in"], account["first_user"]) == ("me", False, False)
    twice = client.post("/api/account", json={"login": "me2", "password": PASSWORD}, headers=OURS)
    assert twice.status_code == 403
    assert [login["this"] for login in client.get("/api/account/logins").get_json()["items"]] == [True]


def test_no_secret_is_stored_as_it_is(app: Flask, database: Database) -> None:
    """SEC-05: a dump of all tables holds no password, token, link or cookie; passwords are scrypt."""
    made = make_user(app, "a", "admin", password=None)
    link = urlsplit(made["link"]["url"]).fragment.removeprefix("token=")
    client = browser_of(app, "b", "admin")
    token = token_of(client, "admin")["token"]
    cookie = client.get_cookie(app.extensions["errand.auth"].cookie_name)
    assert cookie is not None

    def dump(c: Connection) -> str:
        return "\n".join(
            str(row) for table in rows.metadata.sorted_tables for row in c.execute(table.select())
        )

    found = database.read(dump)

    assert "scrypt:" in found
    assert [name for name in (PASSWORD, link, token, cookie.value, TOKEN) if name in found] == []


def test_the_api_shows_no_secret_again(sqlite_app: Flask) -> None:
    """SEC-03: not of users, tokens, sign-ins nor in the audit, to an admin either."""
    client = browser_of(sqlite_app, "a", "admin")
    token = token_of(client, "admin")["token"]
    link = make_user(sqlite_app, "b", "viewer", password=None)["link"]["url"].partition("#token=")[2]
    cookie = client.get_cookie(sqlite_app.extensions["errand.auth"].cookie_name)
    assert cookie is not None
    paths = ("account", "account/logins", "users", "tokens", "audit")

    said = "".join(client.get(f"/api/{path}").get_data(as_text=True) for path in paths)

    secrets = (
        PASSWORD,
        token,
        tokens.digest(token),
        link,
        tokens.digest(link),
        cookie.value,
        "scrypt",
        TOKEN,
    )
    assert [secret for secret in secrets if secret in said] == []


def test_a_token_ends_by_time_and_by_revoking(app: Flask, database: Database) -> None:
    """API-13: revoked, expired, cut short, in the address: 401. Its use is shown."""
    client = browser_of(app, "a", "operator")
    made = token_of(client, "operator", days=1)
    token = made["token"]
    assert token.startswith("err_")
    assert made["hint"] == token[:8]
    for wrong in (token[:-1], token + "x", token.upper(), "err_"):
        assert program(app, wrong).get("/api/tasks").status_code == 401
    assert app.test_client().get(f"/api/tasks?token={token}").status_code == 401
    assert program(app, token).get("/api/tasks").status_code == 200
    shown = client.get("/api/tokens").get_json()["items"][0]
    assert shown["used_at"] is not None

    database.write(lambda c: c.execute(update(rows.api_tokens).values(expires_at=utcnow())))
    assert program(app, token).get("/api/tasks").status_code == 401
    database.write(lambda c: c.execute(update(rows.api_tokens).values(expires_at=None)))
    assert program(app, token).get("/api/tasks").status_code == 200
    client.post(f"/api/tokens/{made['id']}/revoke", headers=OURS)
    assert program(app, token).get("/api/tasks").status_code == 401


def test_what_happened_is_in_the_audit(app: Flask) -> None:
    """Sign-ins good and bad, users, tokens, passwords; with who, from where and the request's id."""
    client: FlaskClient = browser_of(app, "a", "admin")
    sign_in(app.test_client(), "a", "wrong password", environ_base={"REMOTE_ADDR": "10.0.0.7"})
    token = token_of(client, "viewer")
    client.post(f"/api/tokens/{token['id']}/revoke", headers=OURS)
    answer = client.post("/logout", headers={**OURS, "X-Request-Id": "request-from-proxy"})

    lines = audit_of(app)

    assert answer.headers["X-Request-Id"] == "request-from-proxy"
    told = [(line["actor"], line["action"], line["object"]) for line in lines]
    assert told == [
        ("a", "sign-out", ""),
        ("a", "token revoked", "t"),
        ("a", "token made", "t"),
        ("-", "sign-in refused", "a"),
        ("a", "sign-in", "a"),
        ("admin", "user made", "a"),
    ]
    assert lines[0]["request_id"] == "request-from-proxy"
    assert lines[3]["address"] == "10.0.0.7"
    assert len({line["request_id"] for line in lines}) == 6


def test_the_audit_is_read_page_by_page(sqlite_app: Flask) -> None:
    """Newest first, each once."""
    client = signed_in(sqlite_app)
    for number in range(5):
        make_user(sqlite_app, f"u{number}", "viewer")
    seen, cursor = [], None
    while True:
        answer = client.get("/api/audit", query_string={"limit": 2, **({"cursor": cursor} if cursor else {})})
        seen += [line["object"] for line in answer.get_json()["items"]]
        cursor = answer.get_json()["next_cursor"]
        if cursor is None:
            break

    assert seen == ["u4", "u3", "u2", "u1", "u0"]
    assert client.get("/api/audit?cursor=x").status_code == 400
