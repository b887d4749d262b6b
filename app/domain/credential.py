"""A Credential: a secret Errand keeps for a CLI, as everybody may know of it."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import AwareDatetime, Field

from app.domain.agent import NAME_PATTERN, WITHHELD
from app.domain.model import Model
from app.errors import Invalid

#: Bytes of all values of one Credential.
LARGEST = 64 * 1024
#: Of a shorter value the last four characters would give too much away.
SHOWS_LAST4 = 20
#: Seconds before a refused Credential is tried with one Task again; the last one is kept to.
PROBE_PAUSES = (15.0, 60.0, 300.0, 900.0, 3600.0)
#: When somebody is told that a Credential ends, the longest time first.
WARNINGS = {"7d": timedelta(days=7), "1d": timedelta(days=1), "1h": timedelta(hours=1)}
#: What has come to its end was announced last.
ENDED = "0"


class Kind(StrEnum):
    """What a Credential is made of."""

    #: One or several environment variables.
    ENV = "env"
    #: The content of a signed-in Claude Code's `~/.claude/.credentials.json`.
    CLAUDE_OAUTH = "claude_oauth"
    #: What workers have in their own environment: nothing is kept, only whether it was refused.
    ENVIRONMENT = "environment"


class CredentialState(StrEnum):
    """Whether a Credential can be used."""

    USABLE = "usable"
    REFUSED = "refused"
    EXPIRED = "expired"
    UNREADABLE = "unreadable"


class Credential(Model):
    """One row: what is known of it without its value, which is encrypted in `secret`."""

    name: str
    kind: Kind
    #: Names of the variables it sets.
    variables: tuple[str, ...] = ()
    secret: str = Field("", repr=False)
    last4: str = ""
    #: Raised with each new value, so that what became of an old one is not said of the new one.
    revision: int = Field(1, ge=1)
    created_at: AwareDatetime
    updated_at: AwareDatetime
    expires_at: AwareDatetime | None = None
    #: USABLE, REFUSED or EXPIRED as it was last found; see `stands` for what it is now.
    state: CredentialState = CredentialState.USABLE
    detail: str = ""
    #: The last of WARNINGS, or ENDED, that was said of this value.
    warned: str | None = None
    #: How often it was tried again since it was refused, when next, and with which Task.
    probes: int = 0
    probe_at: AwareDatetime | None = None
    probe_task: str | None = None

    def stands(self, now: datetime) -> CredentialState:
        """Return its state at `now`, as far as it can be told without its value."""
        if self.state is not CredentialState.USABLE:
            return self.state
        ended = self.expires_at is not None and now >= self.expires_at
        return CredentialState.EXPIRED if ended else CredentialState.USABLE

    def warning(self, now: datetime, *, renewed: bool = False) -> str | None:
        """Return which of WARNINGS (or ENDED) holds at `now`; None where its end is far or not known.

        Of one that is `renewed` by Errand before its end, only a near end is news.
        """
        if self.expires_at is None:
            return None
        left = self.expires_at - now
        if left <= timedelta(0):
            return ENDED
        near = next((name for name, time in reversed(WARNINGS.items()) if left <= time), None)
        return None if renewed and self.kind is Kind.CLAUDE_OAUTH and near != "1h" else near


def pause_before_probe(probes: int) -> float:
    """Return the seconds until a Credential that was refused, and tried `probes` times, is tried again."""
    return PROBE_PAUSES[min(probes, len(PROBE_PAUSES) - 1)]


def check_name(name: str) -> str:
    """Return `name` if a Credential may be called so; raises Invalid."""
    if re.fullmatch(NAME_PATTERN, name) is None:
        rule = "It begins with a letter from a to z and has at most 41 of a-z, 0-9 and '-'."
        raise Invalid(f"{name[:60]!r} cannot be the name of a credential. {rule}", reason="credential_name")
    return name


def check_variables(variables: Mapping[str, str]) -> dict[str, str]:
    """Return the variables if a Credential may consist of them; raises Invalid, which quotes no value."""
    if not variables:
        raise Invalid("A credential needs a variable at least.", reason="credential_invalid")
    for name, value in variables.items():
        _check_variable(name, value)
    check_size("".join(variables.values()))
    return dict(variables)


def check_size(text: str) -> None:
    """Raise Invalid where a value is too large to be one."""
    if len(text.encode("utf-8", "replace")) > LARGEST:
        raise Invalid(f"A credential has at most {LARGEST} bytes.", reason="credential_invalid")


def _check_variable(name: str, value: str) -> None:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,99}", name):
        # Not quoted: it may be a value that was put in the wrong place.
        raise Invalid(
            "The name of a variable consists of letters, digits and _.", reason="credential_invalid"
        )
    if WITHHELD.fullmatch(name) or name == "PATH":
        raise Invalid(f"{name} is Errand's own and is never given to a CLI.", reason="credential_invalid")
    if not value.strip():
        raise Invalid(f"The value of {name} is empty.", reason="credential_invalid")
    if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
        raise Invalid(f"The value of {name} is no text.", reason="credential_invalid")


def last4(value: str) -> str:
    """Return the end of a value by which its owner knows it again; empty for a short one."""
    return value[-4:] if len(value) >= SHOWS_LAST4 and value[-4:].isprintable() else ""
