"""Who gets in: nobody without a sign-in, and nobody guesses without a wait."""

import re
from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.routing import Rule

from app.db.engine import Database
from tests.integration.web.conftest import BEARER, TOKEN, AppMaker, signed_in
from tests.integration.web.people import by_token

UNKNOWN = "00000000-0000-4000-8000-000000000000"
#: What may be seen by everybody: nothing else may.
PUBLIC = {
    "/healthz",
    "/readyz",
    "/login",
    "/login/github",
    "/login/github/back",
    "/static/<path:filename>",
    "/webhooks/github",
    "/webhooks/<name>",
}


def addresses(app: Flask) -> Iterator[tuple[Rule, str, str]]:
    """Yield every route with an address that matches it and each method it takes."""
    for rule in app.url_map.iter_rules():
        if rule.websocket:
            continue
        path = re.sub(r"<(?:\w+:)?\w+>", UNKNOWN, rule.rule)
        for method in sorted(rule.methods or ()):
            yield rule, path, method


def test_every_route_but_a_few_needs_a_sign_in(sqlite_app: Flask) -> None:
    """API-01: a walk over all there is, with every method."""
    client = sqlite_app.test_client()
    walked = 0

    for rule, path, method in addresses(sqlite_app):
        status = client.open(path, method=method).status_code
        walked += 1
        if rule.rule in PUBLIC:
            assert status not in {302, 500}, (method, path)
            continue
        assert status == (401 if path.startswith("/api/") else 302), (method, path)

    assert walked > 30


def test_a_program_is_told_how_to_sign_in_and_a_person_is_led_there(sqlite_app: Flask) -> None:
    """401 with WWW-Authenticate, or the sign-in page that comes back to where one wanted to go."""
    client = sqlite_app.test_client()

    refused = client.get("/api/tasks")
    led = client.get("/tasks/x?a=b")

    assert refused.headers["WWW-Authenticate"].startswith("Bearer")
    assert refused.get_json()["reason"] == "unauthorized"
    assert led.headers["Location"] == "/login?next=/tasks/x?a%3Db"


@pytest.mark.parametrize(
    "header",
    [
        "Bearer wrong",
        f"Bearer {TOKEN[:-1]}",
        f"Bearer {TOKEN}x",
        f"Bearer {TOKEN} x",
        "Bearer",
        "Bearer ",
        f"Basic {TOKEN}",
        TOKEN,
        "Bearer ü",
        "",
    ],
)
def test_a_token_that_is_not_the_token_is_refused(sqlite_app: Flask, header: str) -> None:
    """API-13, whatever stands in the header."""
    answer = sqlite_app.test_client().get("/api/tasks", headers={"Authorization": header})

    assert answer.status_code == 401


@pytest.mark.parametrize("token", ["abc=def", "==", "a%41b", "a,b=c d", "x" * 300])
def test_any_token_signs_in(make_app: AppMaker, sqlite: Database, redis_url: str, token: str) -> None:
    """Whatever characters somebody chose for ERRAND_ADMIN_TOKEN."""
    app = make_app(sqlite, redis_url, admin_token_given=token)
    answer = app.test_client().get("/api/tasks", headers={"Authorization": f"bearer {token}"})
    assert answer.status_code == 200


def test_a_token_in_the_address_is_none(sqlite_app: Flask) -> None:
    """Addresses end up in logs."""
    client = sqlite_app.test_client()

    for name in ("token", "access_token", "key"):
        assert client.get(f"/api/tasks?{name}={TOKEN}").status_code == 401


def test_a_loop_of_wrong_tokens_has_to_wait_and_the_right_one_has_not(sqlite_app: Flask) -> None:
    """The holder of the token is not locked out by somebody else's script."""
    client = sqlite_app.test_client()

    statuses = [
        client.get("/api/tasks", headers={"Authorization": "Bearer x"}).status_code for _ in range(61)
    ]

    assert statuses == [401] * 60 + [429]
    assert client.get("/api/tasks", headers=BEARER).status_code == 200


def test_the_sixth_wrong_sign_in_in_a_minute_has_to_wait(sqlite_app: Flask) -> None:
    """API-14: so has the right one after it, from this address; others have not."""
    client = sqlite_app.test_client()

    statuses = [by_token(client, "wrong").status_code for _ in range(6)]
    late = by_token(client)

    assert statuses == [401] * 5 + [429]
    assert late.status_code == 429
    assert 1 <= int(late.headers["Retry-After"]) <= 60
    assert by_token(client, environ_base={"REMOTE_ADDR": "10.0.0.9"}).status_code == 200


def test_who_is_asking_is_taken_from_a_proxy_only_if_there_is_one(
    make_app: AppMaker, sqlite: Database, redis_url: str
) -> None:
    """Otherwise anybody could count as somebody else."""

    def seventh(app: Flask) -> int:
        client = app.test_client()
        return [
            client.post(
                "/login", json={"token": "wrong"}, headers={"X-Forwarded-For": f"10.0.0.{n}"}
            ).status_code
            for n in range(7)
        ][-1]

    assert seventh(make_app(sqlite, redis_url)) == 429
    assert seventh(make_app(sqlite, redis_url, proxy_hops=1)) == 401


@pytest.mark.parametrize(
    "path",
    [
        "/console",
        "/flower",
        "/.env",
        "/.git/config",
        "/api",
        "/api/",
        "/api/nope",
        "/docs",
        "/openapi",
        "/api/tasks/",
    ],
)
@pytest.mark.parametrize("client_of", [signed_in, Flask.test_client])
def test_what_is_not_there_is_not_there(
    sqlite_app: Flask, path: str, client_of: Callable[[Flask], FlaskClient]
) -> None:
    """API-12, signed in or not, without a redirect."""
    assert client_of(sqlite_app).get(path).status_code == 404


def test_every_answer_carries_the_security_headers(sqlite_app: Flask) -> None:
    """UI-04: pages, answers, errors and files alike; what the API says is never kept."""
    client = signed_in(sqlite_app)

    for path in ("/", "/login", "/api/tasks", "/api/nope", "/healthz", "/static/css/base.css", "/nope"):
        with client.get(path) as answer:
            headers = answer.headers
        policy = headers["Content-Security-Policy"]
        assert "default-src 'self'" in policy
        assert "unsafe-inline" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Referrer-Policy"] == "same-origin"
        if path.startswith("/api"):
            assert headers["Cache-Control"] == "no-store"
