"""What each role may do: every address declares it, and one that does not lets nobody in."""

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.domain.access import UserRole
from app.web.roles import ROLES
from tests.integration.web.conftest import signed_in
from tests.integration.web.people import OURS, audit_of, browser_of, make_user, program, sign_in, token_of

UNKNOWN = "00000000-0000-4000-8000-000000000000"


def test_every_endpoint_declares_its_role(sqlite_app: Flask) -> None:
    """A walk over the URL map: none without a role, and none that is not there."""
    assert {rule.endpoint for rule in sqlite_app.url_map.iter_rules()} == ROLES.keys()


def test_an_endpoint_without_a_role_lets_nobody_in(sqlite_app: Flask) -> None:
    """Deny by default, to the admin too."""
    sqlite_app.add_url_rule("/api/forgotten", "forgotten", lambda: "secret")

    answer = signed_in(sqlite_app).get("/api/forgotten")

    assert (answer.status_code, answer.get_json()["reason"]) == (403, "forbidden")
    assert sqlite_app.test_client().get("/api/forgotten").status_code == 401


@pytest.mark.parametrize("role", list(UserRole))
def test_no_role_gets_above_itself(sqlite_app: Flask, role: UserRole) -> None:
    """API-02: every address with every role: 403 exactly where it is too low, and a line in the audit."""
    client = browser_of(sqlite_app, "somebody", role)
    refused = 0

    for rule in sqlite_app.url_map.iter_rules():
        needed = ROLES[rule.endpoint]
        if needed is None or rule.websocket or rule.endpoint == "login.sign_out":
            continue
        path = re.sub(r"<(?:\w+:)?\w+>", UNKNOWN, rule.rule)
        for method in (rule.methods or set()) - {"OPTIONS"}:
            answer = client.open(path, method=method, json={} if method == "POST" else None, headers=OURS)
            too_low = not role.covers(needed)
            refused += too_low
            if too_low:
                assert answer.status_code == 403, (method, path)
            else:
                assert answer.status_code not in {401, 500}, (method, path)
                assert answer.status_code != 403 or rule.endpoint == "account.set_up", (method, path)

    lines = audit_of(sqlite_app, action="refused", limit="200")
    assert len([line for line in lines if line["detail"] == f"as {role}"]) == min(refused, 60)


@pytest.mark.parametrize(
    ("role", "path", "sentence"),
    [
        ("viewer", "/api/chat", "needs the role operator, and yours is viewer"),
        ("operator", "/api/users", "needs the role admin, and yours is operator"),
    ],
)
def test_too_low_a_role_is_told_so(sqlite_app: Flask, role: str, path: str, sentence: str) -> None:
    """In a sentence, as a problem; nothing was made."""
    client = browser_of(sqlite_app, "somebody", role)

    answer = client.post(path, json={"message": "x", "login": "y"}, headers=OURS)

    assert (answer.status_code, answer.content_type) == (403, "application/problem+json")
    assert answer.get_json()["reason"] == "forbidden"
    assert sentence in answer.get_json()["detail"]
    assert client.get("/api/tasks").get_json()["items"] == []


def test_each_role_can_do_its_work(app: Flask) -> None:
    """A viewer looks, an operator asks and stops, an admin makes users."""
    operator = browser_of(app, "operator", "operator")
    made = operator.post("/api/chat", json={"message": "x"}, headers=OURS)
    assert made.status_code == 202
    task = made.get_json()["task_id"]
    assert operator.post(f"/api/tasks/{task}/cancel", headers=OURS).status_code == 202
    viewer = browser_of(app, "viewer", "viewer")
    assert viewer.get(f"/api/tasks/{task}").get_json()["state"] == "cancelled"
    assert viewer.get("/").status_code == 200
    admin = browser_of(app, "boss", "admin")
    assert admin.post("/api/users", json={"login": "new"}, headers=OURS).status_code == 201

    actions = [(line["actor"], line["action"]) for line in audit_of(app)]

    assert ("operator", "task made") in actions
    assert ("operator", "task cancelled") in actions
    assert ("boss", "user made") in actions


def test_a_token_does_no_more_than_it_says_nor_than_its_owner(sqlite_app: Flask) -> None:
    """API-02, for programs: the lesser of the token's role and its owner's counts, at once."""
    boss = browser_of(sqlite_app, "boss", "admin")
    user = boss.get("/api/account").get_json()["user_id"]
    reading, writing = (token_of(boss, role)["token"] for role in ("viewer", "admin"))
    assert program(sqlite_app, reading).post("/api/chat", json={"message": "x"}).status_code == 403
    assert program(sqlite_app, writing).get("/api/users").status_code == 200

    signed_in(sqlite_app).post(f"/api/users/{user}", json={"role": "viewer"})

    assert program(sqlite_app, writing).get("/api/users").status_code == 403
    assert program(sqlite_app, writing).get("/api/tasks").status_code == 200


def test_nobody_makes_a_token_above_their_role(sqlite_app: Flask) -> None:
    """Nor with a token another one."""
    client = browser_of(sqlite_app, "somebody", "operator")

    above = client.post("/api/tokens", json={"name": "t", "role": "admin"}, headers=OURS)
    token = token_of(client, "operator")["token"]
    second = program(sqlite_app, token).post("/api/tokens", json={"name": "t", "role": "viewer"})

    assert (above.status_code, second.status_code) == (403, 403)
    assert "no more than you" in above.get_json()["detail"]


def test_what_is_of_others_is_not_there(sqlite_app: Flask) -> None:
    """Tokens and sign-ins: one sees and ends one's own; an admin sees all tokens."""
    one = browser_of(sqlite_app, "one", "operator")
    two = browser_of(sqlite_app, "two", "viewer")
    boss = browser_of(sqlite_app, "boss", "admin")
    made = token_of(one, "viewer")
    token, secret = made["id"], made["token"]
    login = one.get("/api/account/logins").get_json()["items"][0]["id"]
    owned = token_of(boss, "viewer")["token"]

    assert two.get("/api/tokens").get_json()["items"] == []
    assert two.post(f"/api/tokens/{token}/revoke", headers=OURS).status_code == 404
    assert two.post(f"/api/account/logins/{login}/revoke", headers=OURS).status_code == 404
    assert program(sqlite_app, owned).post(f"/api/tokens/{token}/revoke").status_code == 404
    assert len(program(sqlite_app, owned).get("/api/tokens").get_json()["items"]) == 1
    assert len(boss.get("/api/tokens").get_json()["items"]) == 2
    assert boss.post(f"/api/tokens/{token}/revoke", headers=OURS).status_code == 204
    assert program(sqlite_app, secret).get("/api/tasks").status_code == 401


def test_nobody_changes_their_own_role(sqlite_app: Flask) -> None:
    """The last admin does not shut everybody out."""
    boss = browser_of(sqlite_app, "boss", "admin")
    user = boss.get("/api/account").get_json()["user_id"]

    answer = boss.post(f"/api/users/{user}", json={"role": "viewer"}, headers=OURS)

    assert (answer.status_code, answer.get_json()["reason"]) == (409, "own_user")


@pytest.mark.parametrize("change", [{"role": "viewer"}, {"disabled": True}])
def test_a_change_signs_out_at_once(app: Flask, change: dict[str, object]) -> None:
    """Everywhere; who was shut out does not come back in, by password nor token."""
    client: FlaskClient = browser_of(app, "somebody", "operator")
    user = client.get("/api/account").get_json()["user_id"]
    token = token_of(client, "viewer")["token"]

    changed = signed_in(app).post(f"/api/users/{user}", json=change)

    assert changed.status_code == 200
    assert client.get("/api/tasks").status_code == 401
    shut = "disabled" in change
    assert sign_in(app.test_client(), "somebody").status_code == (401 if shut else 200)
    assert program(app, token).get("/api/tasks").status_code == (401 if shut else 200)


def test_a_login_is_one_whatever_its_case(app: Flask) -> None:
    """ALICE is alice, to sign in and to be made."""
    made = make_user(app, "Alice", "viewer")

    again = signed_in(app).post("/api/users", json={"login": "aLICE"})

    assert made["login"] == "Alice"
    assert (again.status_code, again.get_json()["reason"]) == (409, "login_taken")
    assert sign_in(app.test_client(), "ALICE").status_code == 200
