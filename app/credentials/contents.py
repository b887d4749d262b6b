"""What is inside a Credential once it is open: the variables a CLI gets, and all that must not be printed."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.domain.credential import check_size, check_variables
from app.domain.credentials import ClaudeCredentials

#: How a signed-in Claude Code is handed its access token. Not in a file of its HOME: there it would stay
#: behind, and with a refresh token beside it the CLI would get new ones, which signs out who has the old.
CLAUDE_TOKEN = "CLAUDE_CODE_OAUTH_TOKEN"  # noqa: S105 - the variable's name


@dataclass(frozen=True, repr=False)
class Contents:
    """The open value of one Credential; never logged, never shown."""

    variables: Mapping[str, str]
    #: The whole of what a signed-in Claude Code keeps, where it is that.
    claude: Mapping[str, Any] | None = None

    @classmethod
    def of_variables(cls, variables: Mapping[str, str]) -> "Contents":
        """Take environment variables; raises Invalid."""
        return cls(check_variables(variables))

    @classmethod
    def of_claude(cls, text: str) -> "Contents":
        """Take the content of a `.credentials.json`; raises Invalid, which quotes none of it."""
        token = ClaudeCredentials.from_cli(text).access_token.get_secret_value()
        check_size(text)
        return cls(check_variables({CLAUDE_TOKEN: token}), json.loads(text))

    @classmethod
    def load(cls, sealed: Mapping[str, Any]) -> "Contents":
        """Take what `dump` returned."""
        return cls(sealed["variables"], sealed.get("claude"))

    def dump(self) -> dict[str, Any]:
        """Return it as JSON takes it, to be sealed."""
        return {"variables": dict(self.variables), "claude": self.claude}

    def oauth(self) -> ClaudeCredentials | None:
        """Return the token pair, where it is one."""
        return None if self.claude is None else ClaudeCredentials.from_cli(json.dumps(self.claude))

    def refreshed(self, *, access: str, refresh: str | None, expires_at: datetime) -> "Contents":
        """Return it with new tokens and all else as it was; without a new refresh token the old one stays."""
        pair = {**(self.claude or {})["claudeAiOauth"]}
        pair |= {"accessToken": access, "expiresAt": int(expires_at.timestamp() * 1000)}
        if refresh is not None:
            pair["refreshToken"] = refresh
        return Contents({CLAUDE_TOKEN: access}, {**(self.claude or {}), "claudeAiOauth": pair})

    def secrets(self) -> list[str]:
        """Return every text in it that must not be printed."""
        return [*self.variables.values(), *_tokens(self.claude or {})]


def _tokens(found: Any, name: str = "") -> Iterator[str]:
    """Yield the values whose names say that they are secrets, however deep."""
    if isinstance(found, Mapping):
        for key, value in found.items():
            yield from _tokens(value, str(key))
    elif isinstance(found, list):
        for value in found:
            yield from _tokens(value, name)
    elif isinstance(found, str) and any(word in name.lower() for word in ("token", "secret", "key")):
        yield found
