"""The cookie of a browser: what it opens, how long, to whom it is shown, and that only our page writes."""

from datetime import datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update
from werkzeug.test import TestResponse

from app.clock import utcnow
from app.db import logins, rows
from app.db.engine import Database
from app.security import auth as auth_room
from tests.integration.web.conftest import TOKEN, AppMaker
from tests.integration.web.people import OURS, by_token

FOREIGN = {"Origin": "http://evil.example"}


@pytest.fixture
def browser(sqlite_app: Flask) -> FlaskClient:
    """A client that holds the cookie."""
    client = sqlite_app.test_client()
    assert by_token(client).status_code == 200
    return client


def test_a_wrong_bearer_is_not_mended_by_a_right_cookie(browser: FlaskClient) -> None:
    """One says who one is in one way."""
    assert browser.get("/api/tasks").status_code == 200
    assert browser.get("/api/tasks", headers={"Authorization": "Bearer x"}).status_code == 401


def test_the_cookie_opens_the_api_and_the_pages(browser: FlaskClient) -> None:
    """After the trade, the browser needs no token any more."""
    assert browser.get("/api/tasks").status_code == 200
    assert browser.get("/").status_code == 200
    assert browser.get("/login?next=/tasks/x").headers["Location"] == "/tasks/x"


def test_the_sign_in_page_keeps_where_one_wanted_to_go(sqlite_app: Flask) -> None:
    """But only to a page of ours."""
    client = sqlite_app.test_client()

    assert b'data-next="/tasks/x"' in client.get("/login?next=/tasks/x").get_data()
    assert b"evil" not in client.get("/login?next=//evil.example").get_data()
    assert client.post("/login", json={"token": TOKEN, "next": "//evil.example"}).get_json()["next"] == "/"


def cookie_name(app: Flask) -> str:
    """Return what the cookie is called over plain http."""
    name: str = app.extensions[auth_room.EXTENSION].cookie_name
    return name


def cookie_of(answer: TestResponse) -> str:
    """Return the Set-Cookie header."""
    return answer.headers["Set-Cookie"]


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(sqlite_app: Flask) -> None:
    """UI-07: HttpOnly, SameSite, and Secure exactly where it travels over https."""
    plain = cookie_of(by_token(sqlite_app.test_client()))
    https = cookie_of(
        sqlite_app.test_client().post(
            "/login",
            json={"token": TOKEN},
            base_url="https://localhost",
            headers={"Origin": "https://localhost"},
        )
    )

    assert "HttpOnly" in plain
    assert "SameSite=Lax" in plain
    assert "Secure" not in plain
    assert "Secure" in https
    assert TOKEN not in plain


def test_a_public_https_address_makes_the_cookie_secure(
    make_app: AppMaker, sqlite: Database, redis_url: str
) -> None:
    """Also behind a proxy that says nothing of it."""
    app = make_app(sqlite, redis_url, public_url="https://errand.example")

    assert "Secure" in cookie_of(by_token(app.test_client()))


def test_two_errands_on_one_host_do_not_share_a_cookie(
    make_app: AppMaker, sqlite: Database, redis_url: str
) -> None:
    """Browsers do not tell ports apart."""
    names = {
        cookie_of(by_token(make_app(sqlite, redis_url, **given).test_client())).partition("=")[0]
        for given in ({}, {"secret_key_given": "another"})
    }

    assert len(names) == 2


def test_another_token_makes_old_cookies_worthless(
    make_app: AppMaker, sqlite: Database, redis_url: str
) -> None:
    """Whoever changes the token has thrown everybody out."""
    client = make_app(sqlite, redis_url).test_client()
    by_token(client)
    after = make_app(sqlite, redis_url, admin_token_given="another")
    stranger = after.test_client()
    kept = client.get_cookie(cookie_name(client.application))
    assert kept is not None

    stranger.set_cookie(cookie_name(after), kept.value)

    assert stranger.get("/api/tasks").status_code == 401


@pytest.mark.parametrize(
    ("seen", "made", "status"),
    [(0, 0, 200), (11, 11, 200), (13, 13, 401), (1, 6 * 24, 200), (0, 7 * 24 + 1, 401)],
)
def test_a_sign_in_ends_by_idleness_and_by_age(
    browser: FlaskClient, sqlite: Database, seen: int, made: int, status: int
) -> None:
    """12 hours unused, 7 days in any case; whatever the browser keeps."""
    of = rows.logins.c
    ages = {
        "seen_at": utcnow() - timedelta(hours=seen),
        "created_at": utcnow() - timedelta(hours=made),
        "expires_at": utcnow() - timedelta(hours=made) + logins.LONGEST,
    }
    sqlite.write(lambda c: c.execute(update(rows.logins).where(of.id.is_not(None)).values(ages)))

    assert browser.get("/api/tasks").status_code == status


def test_use_is_written_down_to_the_minute(browser: FlaskClient, sqlite: Database) -> None:
    """Not with every request: a page asks several times a minute."""

    def seen() -> datetime:
        found: datetime = sqlite.read(lambda c: c.execute(select(rows.logins.c.seen_at)).scalar_one())
        return found

    old = utcnow() - timedelta(minutes=5)
    browser.get("/api/tasks")
    fresh = seen()
    browser.get("/api/tasks")
    assert seen() == fresh
    sqlite.write(lambda c: c.execute(update(rows.logins).values(seen_at=old)))

    browser.get("/api/tasks")

    assert seen() > old


@pytest.mark.parametrize("value", ["", "x", "\x00", "a" * 3000, "ü", "' OR 1=1 --"])
def test_a_forged_cookie_is_none(sqlite_app: Flask, value: str) -> None:
    """Only what has a row opens anything."""
    client = sqlite_app.test_client()

    client.set_cookie(cookie_name(sqlite_app), value)

    assert client.get("/api/tasks").status_code == 401


def test_signing_out_ends_it(browser: FlaskClient) -> None:
    """The browser forgets the cookie."""
    assert browser.post("/logout", headers=OURS).status_code == 204
    assert browser.get("/api/tasks").status_code == 401


def test_a_form_may_sign_out_too(browser: FlaskClient) -> None:
    """And lands on the sign-in page."""
    answer = browser.post("/logout", data={}, headers={**OURS, "Accept": "text/html"})

    assert (answer.status_code, answer.headers["Location"]) == (303, "/login")


@pytest.mark.parametrize(
    "headers",
    [FOREIGN, {"Origin": "null"}, {}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}],
)
def test_a_cookie_alone_writes_nothing(browser: FlaskClient, headers: dict[str, str]) -> None:
    """API-10: a page of somebody else can make the browser send the cookie, but not our Origin."""
    answer = browser.post("/api/chat", json={"message": "x"}, headers=headers)

    assert (answer.status_code, answer.get_json()["reason"]) == (403, "csrf")
    assert browser.get("/api/tasks").get_json()["items"] == []


@pytest.mark.parametrize("headers", [OURS, {"Sec-Fetch-Site": "same-origin"}])
def test_our_own_page_writes(browser: FlaskClient, headers: dict[str, str]) -> None:
    """By its Origin, or where there is none by what the browser says of it."""
    assert browser.post("/api/chat", json={"message": "x"}, headers=headers).status_code == 202


def test_a_bearer_writes_from_anywhere(sqlite_client: FlaskClient) -> None:
    """No browser sends that header by itself."""
    assert sqlite_client.post("/api/chat", json={"message": "x"}, headers=FOREIGN).status_code == 202


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"]
)
def test_a_cookie_sends_json_or_nothing(browser: FlaskClient, content_type: str) -> None:
    """What a form of another site could send is refused before it is read."""
    answer = browser.post("/api/chat", data=b'{"message":"x"}', content_type=content_type, headers=OURS)

    assert (answer.status_code, answer.get_json()["reason"]) == (403, "csrf")


def test_the_public_address_is_ours_too(make_app: AppMaker, sqlite: Database, redis_url: str) -> None:
    """Behind a proxy that changes the host."""
    client = make_app(sqlite, redis_url, public_url="https://errand.example").test_client()
    answer = client.post(
        "/login",
        json={"token": TOKEN},
        headers={"Origin": "https://errand.example"},
        base_url="https://inside:8000",
    )
    assert answer.status_code == 200

    wrote = client.post(
        "/api/chat",
        json={"message": "x"},
        headers={"Origin": "https://errand.example"},
        base_url="https://inside:8000",
    )

    assert wrote.status_code == 202


def test_another_site_cannot_sign_one_in(sqlite_app: Flask) -> None:
    """Nor with a form, which is all it could send without asking first."""
    client = sqlite_app.test_client()

    assert client.post("/login", json={"token": TOKEN}, headers=FOREIGN).status_code == 403
    assert client.post("/login", data={"token": TOKEN}).status_code == 415
