"""Users of each role for tests, in browsers and with tokens."""

from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.domain.access import UserRole
from tests.integration.web.conftest import TOKEN, signed_in

OURS = {"Origin": "http://localhost"}
PASSWORD = "a password of some length"


def make_user(app: Flask, login: str, role: str, password: str | None = PASSWORD) -> dict[str, Any]:
    """Have the holder of the admin token make a user; return what the API says."""
    answer = signed_in(app).post("/api/users", json={"login": login, "role": role, "password": password})
    assert answer.status_code == 201, answer.get_data()
    made: dict[str, Any] = answer.get_json()
    return made


def by_token(client: FlaskClient, token: str = TOKEN, **environ: Any) -> TestResponse:
    """Trade the admin token for a cookie."""
    return client.post("/login", json={"token": token}, headers=OURS, **environ)


def sign_in(client: FlaskClient, login: str, password: str = PASSWORD, **environ: Any) -> TestResponse:
    """Sign in with a password."""
    return client.post("/login", json={"login": login, "password": password}, headers=OURS, **environ)


def browser_of(app: Flask, login: str, role: str) -> FlaskClient:
    """Return the browser of a fresh user, signed in."""
    make_user(app, login, role)
    client = app.test_client()
    assert sign_in(client, login).status_code == 200
    return client


def token_of(browser: FlaskClient, role: str, **given: Any) -> dict[str, Any]:
    """Have a signed-in browser make an API token."""
    answer = browser.post("/api/tokens", json={"name": "t", "role": role, **given}, headers=OURS)
    assert answer.status_code == 201, answer.get_data()
    made: dict[str, Any] = answer.get_json()
    return made


def program(app: Flask, token: str) -> FlaskClient:
    """Return a client that shows a token."""
    client = app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    return client


def audit_of(app: Flask, **query: str) -> list[dict[str, Any]]:
    """Return what the audit says, newest first."""
    items: list[dict[str, Any]] = signed_in(app).get("/api/audit", query_string=query).get_json()["items"]
    return items


ROLES = [role.value for role in UserRole]
