"""ClaudeCredentials: the token a signed-in Claude Code keeps, and how long it is still good."""

import json
import math
import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Self

from pydantic import AwareDatetime, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError

from app.domain.model import Model
from app.errors import Invalid

#: An expiry outside of these years is a mistake. Within them seconds and milliseconds are told apart.
EARLIEST = datetime(2010, 1, 1, tzinfo=UTC)
LATEST = datetime(2100, 1, 1, tzinfo=UTC)
#: A new token is asked for when this much, or this part of its life, is left of the old one.
REFRESH_BEFORE = timedelta(minutes=10)
REFRESH_PART = 0.15
#: A timestamp above this is in milliseconds; as seconds it would be the year 33658.
LARGEST_SECONDS = 10**12
LARGEST_INTEGER = 10**18


def _from_timestamp(value: float) -> datetime:
    if isinstance(value, int):
        value = max(-LARGEST_INTEGER, min(value, LARGEST_INTEGER))  # what no float could hold is absurd too
    if not math.isfinite(value):
        raise ValueError("must be a finite number")
    seconds = value / 1000 if value > LARGEST_SECONDS else value
    if not EARLIEST.timestamp() <= seconds < LATEST.timestamp():
        raise ValueError("is not a time between the years 2010 and 2100")
    return datetime.fromtimestamp(seconds, UTC)


def _from_text(text: str) -> float | datetime:
    if re.fullmatch(r"[0-9]{1,20}", text):
        return float(text)
    try:
        return datetime.fromisoformat(text)
    except ValueError:  # its message quotes the text, which may be a token in the wrong place
        raise ValueError("is not a time in ISO 8601") from None


def expiry(value: object) -> datetime:
    """Read an expiry: seconds, milliseconds, ISO 8601 or an aware datetime; raises ValueError."""
    if isinstance(value, str):
        value = _from_text(value.strip())
    if isinstance(value, bool) or not isinstance(value, int | float | datetime):
        message = "must be a time in seconds, in milliseconds or as ISO 8601"
        raise ValueError(message)  # noqa: TRY004 - pydantic takes only this for a refusal
    if not isinstance(value, datetime):
        return _from_timestamp(value)
    if value.tzinfo is None:
        raise ValueError("must name its time zone")
    if not EARLIEST <= value < LATEST:
        raise ValueError("is not a time between the years 2010 and 2100")
    return value.astimezone(UTC)


class ClaudeCredentials(Model):
    """An OAuth token pair; its secrets show in no repr and in no validation error."""

    model_config = ConfigDict(hide_input_in_errors=True)

    access_token: Annotated[SecretStr, Field(min_length=1)]
    refresh_token: Annotated[SecretStr, Field(min_length=1)] | None = None
    expires_at: Annotated[AwareDatetime, BeforeValidator(expiry)]

    @classmethod
    def from_cli(cls, text: str | bytes) -> Self:
        """Read the content of the CLI's `.credentials.json`; raises Invalid, which quotes none of it."""
        try:
            found = json.loads(text)["claudeAiOauth"]
            return cls(
                access_token=found["accessToken"],
                refresh_token=found.get("refreshToken"),
                expires_at=found["expiresAt"],
            )
        except ValidationError as error:
            what = ", ".join(f"{problem['loc'][0]}: {problem['msg']}" for problem in error.errors())
            raise Invalid(f"The credentials are not usable: {what}.", reason="credentials_invalid") from None
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            message = "The credentials are not the JSON of a signed-in Claude Code (claudeAiOauth)."
            raise Invalid(message, reason="credentials_invalid") from None

    def due(self, now: datetime, *, obtained: datetime) -> bool:
        """Whether it is time for a new token: less than ten minutes or 15 % of its life is left."""
        life = self.expires_at - obtained
        return self.expires_at - now < max(REFRESH_BEFORE, life * REFRESH_PART)

    def expired(self, now: datetime) -> bool:
        """Whether the access token is no longer good at `now`."""
        return now >= self.expires_at

    def expires_soon(self, now: datetime, *, within: timedelta = timedelta(minutes=10)) -> bool:
        """Whether the access token ends in the next `within`, or has ended."""
        return now + within >= self.expires_at
