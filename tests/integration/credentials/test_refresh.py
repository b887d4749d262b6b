"""New tokens for a sign-in: one asks at a time, whatever it brings is kept, and what is over is over."""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import update

from app.clock import utcnow
from app.credentials import Contents, Safe
from app.credentials.refresh import Refresher
from app.credentials.waiting import Waiting
from app.credentials.watch import Watch
from app.db import credentials, rows
from app.db.engine import Database
from app.domain.credential import Credential, CredentialState
from app.security.crypto import Vault
from tests.fakes.token_endpoint import TokenEndpoint

KEY = Fernet.generate_key().decode()
RACERS = 6
ROUNDS = 40


class Process:
    """What one process of control has: a database of its own, and the endpoint."""

    def __init__(self, url: str, endpoint: TokenEndpoint) -> None:
        self.db = Database(url)
        self.safe = Safe(self.db, Vault([KEY]), learn=lambda _: None)
        self.refresher = Refresher(self.db, self.safe, url=endpoint.url, client_id="a-client")

    def sign_in(self, *, left: timedelta, refresh: str = "refresh-token-number-0") -> Credential:
        """Store a sign-in of which that much is left."""
        pair: dict[str, Any] = {"accessToken": "access-token-number-0", "refreshToken": refresh}
        pair |= {"expiresAt": int((utcnow() + left).timestamp() * 1000), "scopes": ["user:inference"]}
        return self.safe.put("claude", Contents.of_claude(json.dumps({"claudeAiOauth": pair})))

    def now(self) -> Credential:
        """Return it as it stands."""
        return self.db.read(credentials.get, "claude")

    def inside(self) -> dict[str, Any]:
        """Return what is kept."""
        contents = self.safe.open(self.now()).claude
        assert contents is not None
        pair: dict[str, Any] = contents["claudeAiOauth"]
        return pair


@pytest.fixture
def endpoint() -> Iterator[TokenEndpoint]:
    """The provider."""
    with TokenEndpoint() as endpoint:
        yield endpoint


@pytest.fixture
def process(database_url: str, endpoint: TokenEndpoint) -> Iterator[Process]:
    """One process, once on each kind of database."""
    process = Process(database_url, endpoint)
    yield process
    process.db.close()


def test_it_is_asked_for_before_the_end_and_kept(process: Process, endpoint: TokenEndpoint) -> None:
    """Both new tokens, all else as it was; the access token is what CLIs get."""
    old = process.sign_in(left=timedelta(minutes=9))
    assert process.refresher.wanted(old)

    assert process.refresher.refresh(old)

    new = process.now()
    assert endpoint.asked == [
        {"grant_type": "refresh_token", "refresh_token": "refresh-token-number-0", "client_id": "a-client"}
    ]
    assert process.inside()["accessToken"] == "access-token-number-1"
    assert process.inside()["refreshToken"] == "refresh-token-number-1"
    assert process.inside()["scopes"] == ["user:inference"]
    assert process.safe.open(new).variables == {"CLAUDE_CODE_OAUTH_TOKEN": "access-token-number-1"}
    assert new.revision == old.revision + 1
    assert _minutes(new.expires_at) == pytest.approx(480, abs=1)
    assert not process.refresher.wanted(new)


@pytest.mark.parametrize(
    ("left", "lived", "wanted"),
    [
        (timedelta(minutes=11), timedelta(0), False),
        (timedelta(minutes=9), timedelta(0), True),
        (timedelta(hours=2), timedelta(hours=6), False),
        (timedelta(hours=1), timedelta(hours=7), True),
        (timedelta(seconds=-5), timedelta(hours=8), True),
    ],
)
def test_ten_minutes_or_fifteen_percent_before(
    process: Process, left: timedelta, lived: timedelta, wanted: object
) -> None:
    """Whichever is sooner."""
    process.sign_in(left=left)
    process.db.write(lambda c: c.execute(update(rows.credentials).values(updated_at=utcnow() - lived)))

    assert process.refresher.wanted(process.now()) is wanted


def test_one_asks_at_a_time(database_url: str, endpoint: TokenEndpoint) -> None:
    """Forty rounds, six who would: each round asks once, and never with a token that was used."""
    processes = [Process(database_url, endpoint) for _ in range(RACERS)]
    endpoint.slow, endpoint.lasts = 0.02, 300  # so short that each round wants another one
    processes[0].sign_in(left=timedelta(minutes=5))
    barrier = threading.Barrier(RACERS)

    def race(process: Process) -> int:
        stored = 0
        for _ in range(ROUNDS):
            credential = process.now()
            barrier.wait(30)
            assert process.refresher.wanted(credential)
            stored += process.refresher.refresh(credential)
            barrier.wait(30)
        return stored

    with ThreadPoolExecutor(RACERS) as pool:
        stored = sum(pool.map(race, processes))

    assert (stored, endpoint.given, endpoint.stale) == (ROUNDS, ROUNDS, 0)
    assert processes[0].inside()["refreshToken"] == endpoint.refresh
    for process in processes:
        process.db.close()


def test_a_sign_in_that_is_over_is_said_to_be(process: Process, endpoint: TokenEndpoint) -> None:
    """invalid_grant: expired, and nobody asks again; a new sign-in is usable."""
    old = process.sign_in(left=timedelta(minutes=5), refresh="another-one")
    waiting = Waiting(process.db, _Nobody(), _Nobody())
    watch = Watch(process.db, process.safe, waiting, process.refresher)

    watch.look()
    watch.look()

    assert process.now().stands(utcnow()) is CredentialState.EXPIRED
    assert "Store a new value" in process.now().detail
    assert (endpoint.given, endpoint.stale, process.now().revision) == (0, 1, old.revision)
    process.sign_in(left=timedelta(hours=5), refresh=endpoint.refresh)
    assert process.now().stands(utcnow()) is CredentialState.USABLE


@pytest.mark.parametrize(
    "instead",
    [
        (500, {}),
        (429, {"error": {"type": "rate_limit_error"}}),
        (400, {"error": "invalid_request"}),
        (302, {}),
        (200, {}),
        (200, {"access_token": "a", "expires_in": "soon"}),
        (200, {"access_token": "", "expires_in": 5}),
        (200, {"access_token": "a", "expires_in": -5}),
        (200, {"access_token": "a", "expires_in": 10**12}),
    ],
)
def test_a_passing_failure_is_tried_again_later(
    process: Process, endpoint: TokenEndpoint, instead: tuple[int, dict[str, Any]]
) -> None:
    """The value stays as it is; nobody asks again before a pause."""
    old = process.sign_in(left=timedelta(minutes=5))
    endpoint.instead = instead

    assert not process.refresher.refresh(old)
    assert not process.refresher.refresh(old)

    assert len(endpoint.asked) == 1
    assert process.now().model_dump() == old.model_dump()
    endpoint.instead = None
    past = utcnow() - timedelta(seconds=1)
    process.db.write(lambda c: c.execute(update(rows.credentials).values(refresh_until=past)))
    assert process.refresher.refresh(old)


def test_an_endpoint_out_of_reach_is_a_passing_failure(process: Process) -> None:
    """Nothing is lost."""
    with TokenEndpoint() as gone:
        refresher = Refresher(process.db, process.safe, url=gone.url, client_id=None)
    old = process.sign_in(left=timedelta(minutes=5))

    assert not refresher.refresh(old)

    assert process.now().model_dump() == old.model_dump()


def test_what_was_stored_meanwhile_wins(process: Process, endpoint: TokenEndpoint) -> None:
    """Somebody signs in anew while an old sign-in is being refreshed, or found to be over."""
    old = process.sign_in(left=timedelta(minutes=5))
    endpoint.slow = 0.5
    with ThreadPoolExecutor(1) as pool:
        refreshing = pool.submit(process.refresher.refresh, old)
        new = process.sign_in(left=timedelta(hours=5), refresh="of-the-new-sign-in")
        assert not refreshing.result(30)
    assert process.now().model_dump() == new.model_dump()
    assert process.inside()["refreshToken"] == "of-the-new-sign-in"

    assert not process.db.write(credentials.expire, "claude", old.revision, detail="over")
    assert process.now().state is CredentialState.USABLE


class _Nobody:
    def deliver(self, delivery_id: str) -> bool:  # noqa: ARG002 - a Bell's own
        """No Delivery comes here."""
        return False

    def ring(self, *_: object, **__: object) -> bool:
        return False

    def publish_task(self, *_: object) -> None:
        return None


def _minutes(at: datetime | None) -> float:
    assert at is not None
    return (at - utcnow()).total_seconds() / 60
