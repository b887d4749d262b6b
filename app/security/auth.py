"""Who is asking: the holder of the admin token, by bearer header or by the cookie it was traded for."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from flask import Request, current_app, session

from app.security import tokens
from app.settings import Settings

#: A cookie ends when it was not used for IDLE, and in any case LONGEST after it was made.
IDLE = timedelta(hours=12)
LONGEST = timedelta(days=7)
#: A cookie is made anew when it is older than this. Not with each answer: one that was still on its
#: way when somebody signed out would sign them in again.
RENEWED_AFTER = timedelta(minutes=10)

EXTENSION = "errand.auth"


@dataclass(frozen=True)
class Identity:
    """Somebody who may come in."""

    name: str
    role: Literal["admin"]
    via: Literal["bearer", "cookie"]


class Auth:
    """Knows the admin token and the cookies made from it; another token makes all of them worthless."""

    def __init__(self, settings: Settings) -> None:
        self._token = settings.admin_token()
        self._mark = tokens.mark(settings.secret_key(), self._token)

    @property
    def cookie_name(self) -> str:
        """The cookie's name: browsers keep one jar for all ports of a host, two Errands must not share it."""
        return f"errand_{self._mark[:8]}"

    def accepts(self, token: str) -> bool:
        """Whether `token` is the admin token."""
        return tokens.matches(token, self._token)

    def bearer(self, request: Request) -> Identity | None:
        """Return who the Authorization header names."""
        # Werkzeug takes a token with an = in it for a list of parameters.
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip() or not self.accepts(token.strip()):
            return None
        return Identity("admin", "admin", "bearer")

    def new_cookie(self) -> dict[str, Any]:
        """Return what a fresh cookie says."""
        now = int(time.time())
        return {"mark": self._mark, "since": now, "renewed": now}

    def cookie(self, content: Mapping[str, Any]) -> Identity | None:
        """Return who a cookie's (signed) content names, if it is not too old."""
        if not tokens.matches(str(content.get("mark", "")), self._mark):
            return None
        now = time.time()
        if (
            now - content["since"] > LONGEST.total_seconds()
            or now - content["renewed"] > IDLE.total_seconds()
        ):
            return None
        return Identity("admin", "admin", "cookie")


def authenticate(request: Request) -> Identity | None:
    """Return who sends `request`, or None; a wrong bearer token is not mended by a right cookie."""
    auth: Auth = current_app.extensions[EXTENSION]
    if "Authorization" in request.headers:
        return auth.bearer(request)
    identity = auth.cookie(session)
    if identity is not None and time.time() - session["renewed"] > RENEWED_AFTER.total_seconds():
        session["renewed"] = int(time.time())
    return identity
