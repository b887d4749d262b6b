"""Signing in with GitHub, against a stand-in that checks the secret, the code and the challenge."""

from collections.abc import Callable, Iterator
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.db.engine import Database
from tests.fakes.github_oauth import CLIENT_ID, CLIENT_SECRET, GithubStandIn
from tests.integration.web.conftest import AppMaker, signed_in
from tests.integration.web.people import audit_of, make_user

Make = Callable[..., Flask]


@pytest.fixture
def github() -> Iterator[GithubStandIn]:
    """A GitHub where octocat is signed in."""
    stand_in = GithubStandIn()
    stand_in.start()
    yield stand_in
    stand_in.stop()


@pytest.fixture
def make(make_app: AppMaker, sqlite: Database, redis_url: str, github: GithubStandIn) -> Make:
    """Make an app that knows this GitHub."""

    def made(allow: str = "octocat", **given: object) -> Flask:
        return make_app(
            sqlite,
            redis_url,
            github_oauth_client_id=CLIENT_ID,
            github_oauth_client_secret=CLIENT_SECRET,
            github_oauth_allow=allow,
            github_server_url_given=github.url,
            github_api_url=f"{github.url}/api/v3",
            **given,
        )

    return made


def come_back(client: FlaskClient, path: str = "/login/github") -> TestResponse:
    """Go to GitHub and come back, as a browser does."""
    there = client.get(path)
    assert there.status_code == 302, there.get_data()
    back = urlsplit(httpx.get(there.headers["Location"]).headers["Location"])
    return client.get(f"{back.path}?{back.query}", headers={"Accept": "text/html"})


def test_who_is_on_the_list_comes_in(make: Make, github: GithubStandIn) -> None:
    """As a user with the role that is set, who stays the same user under another login."""
    app = make("hubot, OctoCat", github_oauth_role="operator")
    client = app.test_client()

    came = come_back(client, "/login/github?next=/tasks/x")

    assert (came.status_code, came.headers["Location"]) == (302, "/tasks/x")
    account = client.get("/api/account").get_json()
    assert (account["name"], account["role"]) == ("octocat", "operator")
    assert github.scopes == [None]
    again = app.test_client()
    come_back(again)
    assert again.get("/api/account").get_json()["user_id"] == account["user_id"]
    assert [user["github"] for user in signed_in(app).get("/api/users").get_json()["items"]] == [True]
    assert audit_of(app)[0]["detail"] == "github"


def test_members_of_an_org_come_in(make: Make, github: GithubStandIn) -> None:
    """Active ones; the list of organisations is asked for only then."""
    app = make("org:acme")
    assert come_back(app.test_client()).status_code == 403
    github.orgs.add("acme")

    assert come_back(app.test_client()).status_code == 302

    assert github.scopes == ["read:org"] * 2


@pytest.mark.parametrize("allow", ["octoca", "octocat2", "octo*", ".*", "org:octocat"])
def test_who_is_not_on_the_list_does_not(make: Make, allow: str) -> None:
    """Names are compared whole; nothing is a pattern. No user is made, and the audit has a line."""
    app = make(allow)
    client = app.test_client()

    answer = come_back(client)

    assert answer.status_code == 403
    assert b"ERRAND_GITHUB_OAUTH_ALLOW" in answer.get_data()
    assert client.get("/api/tasks").status_code == 401
    assert signed_in(app).get("/api/users").get_json()["items"] == []
    assert audit_of(app)[0]["action"] == "sign-in refused"


def test_a_sign_in_somebody_else_began_is_refused(make: Make) -> None:
    """The state is this browser's; a code without it, or with another, signs nobody in."""
    app = make()
    mine, theirs = app.test_client(), app.test_client()
    there = theirs.get("/login/github")
    back = urlsplit(httpx.get(there.headers["Location"]).headers["Location"])
    mine.get("/login/github")

    for client, query in (
        (mine, back.query),
        (app.test_client(), back.query),
        (theirs, f"code={parse_qs(back.query)['code'][0]}"),
        (theirs, "error=access_denied"),
    ):
        answer = client.get(f"/login/github/back?{query}")
        assert (answer.status_code, answer.get_json()["reason"]) == (401, "github_refused")
        assert client.get("/api/tasks").status_code == 401


def test_a_code_is_good_once_and_for_its_challenge(make: Make) -> None:
    """A code that was used, or made up, is GitHub's to refuse, and we hear it."""
    app = make()
    client = app.test_client()
    there = client.get("/login/github")
    query = parse_qs(urlsplit(there.headers["Location"]).query)

    answer = client.get(f"/login/github/back?code=made-up&state={query['state'][0]}")

    assert (answer.status_code, answer.get_json()["reason"]) == (401, "github_refused")


def test_a_github_that_breaks_is_a_503(make: Make, github: GithubStandIn) -> None:
    """With a sentence, and when to come back."""
    github.breaks = True

    answer = come_back(make().test_client())

    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0


def test_a_user_of_the_same_name_is_not_taken_over(make: Make) -> None:
    """Whoever has that name on GitHub need not be the one who has it here."""
    app = make()
    make_user(app, "Octocat", "admin")

    answer = come_back(app.test_client())

    assert answer.status_code == 409
    assert b"does not sign in with GitHub" in answer.get_data()


def test_who_was_shut_out_stays_out(make: Make) -> None:
    """GitHub knows nothing of that; we do."""
    app = make()
    come_back(app.test_client())
    user = signed_in(app).get("/api/users").get_json()["items"][0]["id"]
    signed_in(app).post(f"/api/users/{user}", json={"disabled": True})

    assert come_back(app.test_client()).status_code == 403


def test_where_it_is_not_set_up_there_is_nothing(sqlite_app: Flask, make: Make) -> None:
    """No button, and a 404; with it, a button."""
    client = sqlite_app.test_client()

    assert client.get("/login/github").status_code == 404
    assert b"GitHub" not in client.get("/login").get_data()
    assert b"/login/github" in make().test_client().get("/login").get_data()
    assert make("").test_client().get("/login/github").status_code == 404
