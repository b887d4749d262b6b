"""New tokens for a signed-in Claude Code, asked for by one process at a time."""

import time
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import httpx
import structlog

import app
from app.clock import utcnow
from app.credentials.contents import Contents
from app.credentials.safe import Safe
from app.db import credentials
from app.db.engine import Database
from app.domain.credential import Credential
from app.domain.reason import Reason, sentence
from app.errors import ErrandError, Unavailable

log = structlog.get_logger()

#: Seconds the provider gets to answer, and the one who asks has before somebody else may.
TIMEOUT = 20.0
TURN = 120.0
#: Seconds before one that failed for a passing reason is tried again.
PAUSE = 60.0
#: Seconds a token may be good for; more is a mistake.
LONGEST = 10 * 365 * 86400
#: Seconds between two tries to store what was brought: it is the only copy there is.
STORE_PAUSE = 1.0


class NotRefreshed(ErrandError):
    """The provider gave no new token."""

    reason = "not_refreshed"


@dataclass(frozen=True)
class Grant:
    """What the provider gave."""

    access: str
    refresh: str | None
    expires_at: datetime


class Refresher:
    """Asks the provider's token endpoint, as RFC 6749 section 6 has it.

    Tokens rotate: with the new pair the old refresh token is worth nothing, and two who ask at once sign each
    other out. So a turn is taken in the row first, and only its holder stores, if the value is still the one
    it asked for.
    """

    def __init__(self, db: Database, safe: Safe, *, url: str, client_id: str | None) -> None:
        self._db = db
        self._safe = safe
        self._url = url
        self._client_id = client_id

    def wanted(self, credential: Credential) -> bool:
        """Whether it is time for a new token, and there is something to get one with."""
        pair = self._safe.open(credential).oauth()
        if pair is None or pair.refresh_token is None:
            return False
        return pair.due(utcnow(), obtained=credential.updated_at)

    def refresh(self, credential: Credential) -> bool:
        """Get and store a new token, if nobody else does; return whether this process did."""
        who = str(uuid.uuid4())
        name, revision = credential.name, credential.revision
        if not self._db.write(credentials.begin_refresh, name, revision, who=who, seconds=TURN):
            return False
        contents = self._safe.open(credential)
        try:
            grant = self._ask(contents)
        except NotRefreshed as error:
            self._give_up(credential, who, error)
            return False
        return self._store(credential, who, contents, grant)

    def _ask(self, contents: Contents) -> Grant:
        pair = contents.oauth()
        if pair is None or pair.refresh_token is None:
            raise NotRefreshed
        asked = {"grant_type": "refresh_token", "refresh_token": pair.refresh_token.get_secret_value()}
        if self._client_id:
            asked["client_id"] = self._client_id
        agent = {"User-Agent": f"errand/{app.__version__}", "Accept": "application/json"}
        try:
            answer = httpx.post(self._url, json=asked, headers=agent, timeout=TIMEOUT, follow_redirects=False)
        except httpx.HTTPError as error:
            raise NotRefreshed(f"It cannot be reached ({type(error).__name__}).") from None
        found = _object(answer)
        if answer.status_code in {400, 401} and _error(found) == "invalid_grant":
            raise NotRefreshed("The sign-in is over.", reason="invalid_grant")
        if not answer.is_success:
            raise NotRefreshed(f"It answered {answer.status_code}.")
        return _grant(found)

    def _store(self, credential: Credential, who: str, contents: Contents, grant: Grant) -> bool:
        fresh = contents.refreshed(access=grant.access, refresh=grant.refresh, expires_at=grant.expires_at)
        name, revision = credential.name, credential.revision
        secret = self._safe.seal(name, fresh)
        deadline = time.monotonic() + TURN - TIMEOUT
        while True:
            try:
                stored = self._db.write(
                    credentials.end_refresh,
                    name,
                    revision,
                    who=who,
                    secret=secret,
                    last4=grant.access[-4:],
                    expires_at=grant.expires_at,
                )
            except Unavailable:
                if time.monotonic() > deadline:
                    raise
                time.sleep(STORE_PAUSE)
            else:
                log.info("credential_refreshed", credential=name, stored=stored)
                return stored

    def _give_up(self, credential: Credential, who: str, error: NotRefreshed) -> None:
        name, revision = credential.name, credential.revision
        if error.code == "invalid_grant":
            told = sentence(Reason.CREDENTIAL_EXPIRED, detail=repr(name))
            if self._db.write(credentials.expire, name, revision, detail=told):
                log.warning("credential_expired", credential=name)
            return
        log.warning("credential_not_refreshed", credential=name, error=error.message)
        self._db.write(credentials.pause_refresh, name, revision, who=who, seconds=PAUSE)


def _object(answer: httpx.Response) -> dict[str, Any]:
    try:
        found = answer.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _error(found: dict[str, Any]) -> str:
    """Return the error's code, as RFC 6749 has it or wrapped as the API's own errors are."""
    error = found.get("error")
    return str(error.get("type", "")) if isinstance(error, dict) else str(error or "")


def _grant(found: dict[str, Any]) -> Grant:
    """Read the answer; raises NotRefreshed for one that makes no sense."""
    access, refresh, seconds = found.get("access_token"), found.get("refresh_token"), found.get("expires_in")
    if not isinstance(seconds, int | float) or not 0 < seconds < LONGEST:
        raise NotRefreshed("Its answer holds no time.")
    if not isinstance(access, str) or not access:
        raise NotRefreshed("Its answer holds no token.")
    return Grant(
        access=access,
        refresh=refresh if isinstance(refresh, str) and refresh else None,
        expires_at=utcnow() + timedelta(seconds=seconds),
    )
