"""ClaudeCredentials: expiry in every unit it comes in, and secrets that do not show."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, strategies
from pydantic import SecretStr, ValidationError

from app.domain.credentials import ClaudeCredentials
from app.errors import Invalid

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
SECRET = "sk-ant-oat01-very-secret"


def credentials(expires_at: Any = NOON) -> ClaudeCredentials:
    """Make credentials that expire then."""
    return ClaudeCredentials(
        access_token=SecretStr(SECRET), refresh_token=SecretStr(f"{SECRET}-2"), expires_at=expires_at
    )


@pytest.mark.parametrize(
    "written",
    [
        NOON.timestamp(),
        int(NOON.timestamp()),
        int(NOON.timestamp()) * 1000,
        str(int(NOON.timestamp())),
        str(int(NOON.timestamp()) * 1000),
        "2026-11-22T12:00:00Z",
        "2026-11-22T13:00:00+01:00",
        "2026-11-22 12:00:00+00:00",
        NOON.astimezone(timezone(timedelta(hours=-7))),
    ],
    ids=str,
)
def test_an_expiry_is_the_same_moment_in_every_form(written: object) -> None:
    """Seconds, milliseconds, ISO 8601 and datetimes all mean noon in UTC."""
    assert credentials(written).expires_at == NOON
    assert credentials(written).expires_at.tzinfo is UTC


@given(strategies.integers(min_value=1_262_304_000, max_value=4_102_444_799))
def test_milliseconds_and_seconds_agree(seconds: int) -> None:
    """For every second of the years that count the unit is guessed right."""
    assert credentials(seconds).expires_at == credentials(seconds * 1000).expires_at


@pytest.mark.parametrize(
    "written",
    [
        None,
        True,
        0,
        -1,
        10**12,
        10**11,
        10**16,
        10**30,
        float("nan"),
        float("inf"),
        "",
        "soon",
        "9" * 30,
        [],
        {},
        "2026-11-22T12:00:00",
        "1970-01-01T00:00:00Z",
        "2999-01-01T00:00:00Z",
        NOON.replace(tzinfo=None),
    ],
    ids=str,
)
def test_an_absurd_expiry_is_refused(written: object) -> None:
    """No zone, no number, or no year that any of us will see: an error, not a guess."""
    with pytest.raises(ValidationError):
        credentials(written)


def test_it_is_expired_from_that_moment_on() -> None:
    """The moment itself is too late."""
    assert not credentials().expired(NOON - timedelta(seconds=1))
    assert credentials().expired(NOON)


def test_it_expires_soon_in_its_last_ten_minutes() -> None:
    """And after them."""
    assert not credentials().expires_soon(NOON - timedelta(minutes=10, seconds=1))
    assert credentials().expires_soon(NOON - timedelta(minutes=10))
    assert credentials().expires_soon(NOON + timedelta(days=1))
    assert credentials().expires_soon(NOON - timedelta(hours=1), within=timedelta(days=1))


def test_the_clis_own_file_is_read() -> None:
    """Its expiry is in milliseconds; what else it holds does not matter."""
    oauth = {"accessToken": SECRET, "refreshToken": "r", "expiresAt": 1795348800000, "scopes": ["user"]}

    found = ClaudeCredentials.from_cli(json.dumps({"claudeAiOauth": oauth, "other": 1}))

    assert found.access_token.get_secret_value() == SECRET
    assert found.expires_at == NOON


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        '"x"',
        "{}",
        '{"claudeAiOauth": null}',
        '{"claudeAiOauth": []}',
        b"\xff\xfe",
        "[" * 100000,
        json.dumps({"claudeAiOauth": {"accessToken": SECRET}}),
        json.dumps({"claudeAiOauth": {"accessToken": SECRET, "expiresAt": SECRET}}),
        json.dumps({"claudeAiOauth": {"accessToken": {"x": SECRET}, "expiresAt": 1795348800}}),
        json.dumps({"claudeAiOauth": {"accessToken": "", "expiresAt": 1795348800}}),
    ],
    ids=lambda text: repr(text[:50]),
)
def test_another_file_is_refused_without_quoting_it(text: str | bytes) -> None:
    """What is wrong is said; what is in it is not."""
    with pytest.raises(Invalid) as refused:
        ClaudeCredentials.from_cli(text)

    assert refused.value.code == "credentials_invalid"
    assert SECRET not in str(refused.value)
    assert refused.value.__cause__ is None


def test_no_secret_shows() -> None:
    """Neither in repr nor in JSON nor in the error for a mistake next to it."""
    with pytest.raises(ValidationError) as refused:
        ClaudeCredentials.model_validate({"access_token": SECRET, "expires_at": SECRET, SECRET[:3]: SECRET})

    for shown in (
        repr(credentials()),
        str(credentials()),
        credentials().model_dump_json(),
        str(refused.value),
    ):
        assert SECRET not in shown
