"""Who is asking: by bearer token, by the cookie of a sign-in, or just by being on this machine."""

import ipaddress
import threading
import time
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from flask import Request, current_app

from app.clock import utcnow
from app.db import api_tokens, logins
from app.db.engine import Database
from app.domain.access import BUILT_IN, UserRole
from app.errors import Unavailable
from app.security import tokens
from app.settings import Settings

EXTENSION = "errand.auth"

#: How long after a link somebody may choose a password without the old one.
CHOOSING = timedelta(hours=1)

#: What a proxy adds to a request: behind one, an address of this machine says nothing.
_FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP")
_HERE = {"localhost", "127.0.0.1", "[::1]"}


@dataclass(frozen=True)
class Identity:
    """Somebody who may come in."""

    name: str
    role: UserRole
    via: Literal["bearer", "cookie", "open"]
    #: None: the built-in admin.
    user_id: str | None = None
    login_id: str | None = None
    token_id: str | None = None
    #: The sign-in was by a link, just now: a password may be set without the old one.
    by_link: bool = False

    @property
    def built_in(self) -> bool:
        """Whether this is whoever holds the admin token or had a link from the terminal."""
        return self.user_id is None and self.token_id is None

    @property
    def key(self) -> str:
        """What this one's requests are counted under."""
        return self.user_id or self.token_id or BUILT_IN


class Auth:
    """Knows the admin token and looks up everything else."""

    def __init__(self, settings: Settings, db: Database) -> None:
        self._token = settings.admin_token()
        self._db = db
        self._noted = Rarely(logins.NOTED_AFTER.total_seconds())
        self._https = (settings.public_url or "").startswith("https://")
        self.open = settings.auth == "none"
        #: What sign-ins of the built-in admin are good for: another token or key makes them worthless.
        self.mark = tokens.mark(settings.secret_key(), self._token)

    @property
    def cookie_name(self) -> str:
        """The cookie's name: browsers keep one jar for all ports of a host, two Errands must not share it."""
        return f"errand_{self.mark[:8]}"

    def accepts(self, token: str) -> bool:
        """Whether `token` is the admin token."""
        return tokens.matches(token, self._token)

    def is_secure(self, request: Request) -> bool:
        """Whether the browser speaks https to us, as far as one can tell."""
        return request.is_secure or self._https

    def cookie_for(self, request: Request) -> str:
        """Return the name of the cookie; the prefix keeps other hosts of the domain from setting it."""
        return f"__Host-{self.cookie_name}" if self.is_secure(request) else self.cookie_name

    def secret(self, request: Request) -> str | None:
        """Return what the cookie holds."""
        return request.cookies.get(self.cookie_for(request))

    def identify(self, request: Request) -> Identity | None:
        """Return who asks, or None; a wrong bearer token is not mended by a right cookie."""
        if "Authorization" in request.headers:
            return self._bearer(request)
        if self.open:
            return Identity(BUILT_IN, UserRole.ADMIN, "open") if is_local(request) else None
        secret = self.secret(request)
        return None if not secret else self._cookie(secret)

    def _bearer(self, request: Request) -> Identity | None:
        # Werkzeug takes a token with an = in it for a list of parameters.
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token:
            return None
        if self.accepts(token):
            return Identity(BUILT_IN, UserRole.ADMIN, "bearer")
        return self._api_token(token) if token.startswith(tokens.API_PREFIX) else None

    def _api_token(self, token: str) -> Identity | None:
        found = self._db.read(api_tokens.find, tokens.digest(token))
        if found is None:
            return None
        if self._noted.due(found.id, found.used_at is None or _is_old(found.used_at.timestamp())):
            with suppress(Unavailable):
                self._db.write(api_tokens.note_use, found.id)
        return Identity(found.owner, found.role, "bearer", found.user_id, token_id=found.id)

    def _cookie(self, secret: str) -> Identity | None:
        found = self._db.read(logins.find, tokens.digest(secret), mark=self.mark)
        if found is None:
            return None
        if self._noted.due(found.id, _is_old(found.seen_at.timestamp())):
            with suppress(Unavailable):
                self._db.write(logins.note_use, found.id)
        by_link = found.via == "link" and utcnow() - found.created_at < CHOOSING
        return Identity(found.name, found.role, "cookie", found.user_id, login_id=found.id, by_link=by_link)


class Rarely:
    """Says yes to each key once in some seconds: a write that fails is not tried with every request."""

    def __init__(self, seconds: float, *, remembered: int = 10_000) -> None:
        self._seconds, self._remembered = seconds, remembered
        self._last: OrderedDict[str, float] = OrderedDict()
        self._lock = threading.Lock()

    def due(self, key: str, wanted: bool) -> bool:  # noqa: FBT001 - the sentence reads well where it is called
        """Whether it is wanted and its turn."""
        now = time.monotonic()
        with self._lock:
            if not wanted or now - self._last.get(key, float("-inf")) < self._seconds:
                return False
            self._last[key] = now
            self._last.move_to_end(key)
            if len(self._last) > self._remembered:
                self._last.popitem(last=False)
        return True


def is_local(request: Request) -> bool:
    """Whether this machine asks for itself by name: no page elsewhere can (DNS rebinding)."""
    if any(name in request.headers for name in _FORWARDED):
        return False
    host = request.host.rpartition(":")[0] if request.host.rpartition(":")[2].isdigit() else request.host
    try:
        return host.lower() in _HERE and ipaddress.ip_address(request.remote_addr or "").is_loopback
    except ValueError:
        return False


def authenticate(request: Request) -> Identity | None:
    """Return who sends `request`, or None; raises Unavailable where only the database would know."""
    auth: Auth = current_app.extensions[EXTENSION]
    return auth.identify(request)


def _is_old(timestamp: float) -> bool:
    return utcnow().timestamp() - timestamp > logins.NOTED_AFTER.total_seconds()
