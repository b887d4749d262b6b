"""How often: sign-ins, tasks, webhooks; in Redis for all processes, and without Redis in each."""

import time

import pytest
from flask import Flask

from app.db.engine import Database
from app.web import rates
from app.web.rates import Rates
from tests.integration.web.conftest import TOKEN, AppMaker, signed_in
from tests.integration.web.people import OURS, browser_of, make_user, program, sign_in, token_of
from tests.services import RedisServer


def test_passwords_are_guessed_five_times_a_minute(sqlite_app: Flask) -> None:
    """API-14: the sixth waits, and so does the right one; other addresses do not."""
    make_user(sqlite_app, "a", "viewer")
    client = sqlite_app.test_client()

    statuses = [sign_in(client, "a", "wrong").status_code for _ in range(6)]
    late = sign_in(client, "a")

    assert statuses == [401] * 5 + [429]
    assert late.status_code == 429
    assert "at most 5 in a minute" in late.get_json()["detail"]
    assert 1 <= int(late.headers["Retry-After"]) <= 60
    assert sign_in(client, "a", environ_base={"REMOTE_ADDR": "10.0.0.9"}).status_code == 200


def test_right_ones_are_not_counted(sqlite_app: Flask) -> None:
    """An office behind one address signs in at nine, with passwords or with the token."""
    make_user(sqlite_app, "a", "viewer")
    for _ in range(8):
        assert sign_in(sqlite_app.test_client(), "a").status_code == 200
        assert sqlite_app.test_client().post("/login", json={"token": TOKEN}).status_code == 200


def test_one_login_is_guarded_against_many_addresses(sqlite_app: Flask, redis_url: str) -> None:
    """Twenty wrong ones in ten minutes, from wherever, whether there is such a user or not."""
    counted = Rates(redis_url)
    for _ in range(20):
        counted.take(rates.SIGN_IN_LOGIN, "nobody")
    counted.close()

    answer = sign_in(sqlite_app.test_client(), "NoBody")

    assert answer.status_code == 429
    assert "for this login" in answer.get_json()["detail"]


@pytest.mark.parametrize("redis", ["redis://127.0.0.1:1/0", "hanging"])
def test_without_redis_sign_in_stays_limited(
    make_app: AppMaker, sqlite: Database, hanging_redis: str, redis: str
) -> None:
    """Each process counts by itself then, and nobody waits for a Redis that hangs more than once."""
    app = make_app(sqlite, hanging_redis if redis == "hanging" else redis)
    client = app.test_client()
    began = time.monotonic()

    statuses = [client.post("/login", json={"token": "wrong"}, headers=OURS).status_code for _ in range(7)]

    assert statuses == [401] * 5 + [429] * 2
    assert time.monotonic() - began < 5


def test_two_processes_count_together_and_go_on_alone(own_redis: RedisServer) -> None:
    """While Redis is there; a window that began there is not lost with it for good."""
    one, two = Rates(own_redis.url), Rates(own_redis.url)
    for counted in (one, two) * 2:
        counted.take(rates.SIGN_IN, "a")
    assert one.allows(rates.SIGN_IN, "a")
    assert not two.allows(rates.SIGN_IN, "a")
    own_redis.stop()

    alone = [one.allows(rates.SIGN_IN, "a") for _ in range(6)]

    assert alone == [True] * 5 + [False]
    one.close()
    two.close()


def test_a_user_makes_sixty_tasks_a_minute(make_app: AppMaker, sqlite: Database, redis_url: str) -> None:
    """Their tokens count for them; others, and the holder of the admin token, go on."""
    app = make_app(sqlite, redis_url, tasks_per_hour=0)
    client = browser_of(app, "a", "operator")
    token = token_of(client, "operator")["token"]

    def create(of: object) -> int:
        status: int = of.post("/api/chat", json={"message": "x"}, headers=OURS).status_code  # type: ignore[attr-defined]
        return status

    statuses = [create(client) for _ in range(30)] + [create(program(app, token)) for _ in range(31)]

    assert statuses == [202] * 60 + [429]
    assert {create(signed_in(app)) for _ in range(70)} == {202}
    assert create(browser_of(app, "b", "operator")) == 202


def test_tasks_per_hour_are_a_setting(make_app: AppMaker, sqlite: Database, redis_url: str) -> None:
    """The sentence names it."""
    app = make_app(sqlite, redis_url, tasks_per_hour=3)
    client = browser_of(app, "a", "operator")

    answers = [client.post("/api/chat", json={"message": "x"}, headers=OURS) for _ in range(4)]

    assert [answer.status_code for answer in answers] == [202] * 3 + [429]
    detail = answers[-1].get_json()["detail"]
    assert "(ERRAND_TASKS_PER_HOUR): at most 3 in an hour" in detail
    assert 3500 < int(answers[-1].headers["Retry-After"]) <= 3600


def test_webhooks_come_600_a_minute_from_one_address(sqlite_app: Flask) -> None:
    """More are told when to come back; GitHub delivers again."""
    client = sqlite_app.test_client()

    statuses = [client.post("/webhooks/github").status_code for _ in range(601)]

    assert statuses == [503] * 600 + [429]
