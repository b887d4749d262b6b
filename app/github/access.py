"""As whom Errand speaks to GitHub: as an App, with tokens for one repository each, or with one token."""

import base64
import binascii
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import partial
from typing import Any, Protocol

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from github import Auth

from app.errors import Invalid
from app.github import api_errors
from app.github.answers import read
from app.github.api import TIMEOUTS, Api
from app.github.payload import Numbered

#: Seconds before its end that a token is made anew: longer than any call or clone that begins with it.
_EARLY = 600


class InvalidAppKey(Invalid):
    """GITHUB_APP_PRIVATE_KEY is no RSA key in PEM; copy the whole file that GitHub let you download."""

    reason = "github_app_key"


class Scope(StrEnum):
    """What a token is for; it can do that and no more."""

    READ = "read"
    REPLY = "reply"
    CHECK = "check"
    PUSH = "push"


#: The least permissions of each Scope, by GitHub's names.
PERMISSIONS: Mapping[Scope, Mapping[str, str]] = {
    Scope.READ: {"contents": "read", "issues": "read", "metadata": "read", "pull_requests": "read"},
    Scope.REPLY: {"issues": "write", "metadata": "read", "pull_requests": "write"},
    # By itself: an App without it can answer all the same.
    Scope.CHECK: {"checks": "write", "metadata": "read"},
    Scope.PUSH: {"contents": "write", "metadata": "read", "pull_requests": "write"},
}


def permissions_of(scope: Scope, *, workflows: bool) -> dict[str, str]:
    """Return the least permissions of `scope`, where `workflows` may be changed or not."""
    more = {"workflows": "write"} if workflows and scope is Scope.PUSH else {}
    return {**PERMISSIONS[scope], **more}


class Access(Protocol):
    """Gives Apis for repositories."""

    def api(self, repository: str, scope: Scope) -> Api:
        """Return an Api that can do what `scope` says in `repository` (owner/name)."""

    def token(self, repository: str, scope: Scope) -> str:
        """Return a token for git to fetch or push with; good for ten minutes at least."""

    def learn(self, repository: str, installation: int | None) -> None:
        """Take note of where a Delivery said that the App is installed."""


class TokenAccess:
    """One token for everything: a PAT, which can do whatever it was made for."""

    def __init__(self, token: str, base_url: str, *, timeouts: tuple[float, float] = TIMEOUTS) -> None:
        self._token = token
        self._api = Api(Auth.Token(token), base_url, timeouts=timeouts)

    def api(self, repository: str, scope: Scope) -> Api:  # noqa: ARG002 - one for all
        """Return the one Api there is."""
        return self._api

    def token(self, repository: str, scope: Scope) -> str:  # noqa: ARG002 - as api
        """Return the one token there is."""
        return self._token

    def learn(self, repository: str, installation: int | None) -> None:
        """Nothing: there is no App."""


@dataclass(frozen=True)
class _Issued:
    api: Api
    token: str
    #: On the monotonic clock.
    until: float


class AppAccess:
    """A GitHub App: signs as itself, and asks for a token per repository and Scope. For several threads."""

    def __init__(
        self,
        app_id: str,
        key: str,
        base_url: str,
        *,
        timeouts: tuple[float, float] = TIMEOUTS,
        workflows: bool = False,
    ) -> None:
        self._base_url, self._timeouts = base_url, timeouts
        #: Whether what is pushed may change .github/workflows, which GitHub has a permission for.
        self._workflows = workflows
        self._app = Api(Auth.AppAuth(app_id, read_app_key(key)), base_url, timeouts=timeouts)
        self._issued: dict[tuple[str, Scope], _Issued] = {}
        #: Where Deliveries said that the App is installed.
        self._told: dict[str, int] = {}
        self._lock = threading.Lock()

    def app(self) -> Api:
        """Return the Api of the App itself: what it is, where it is installed, what was delivered."""
        return self._app

    def api(self, repository: str, scope: Scope) -> Api:
        """Return an Api for `repository`; raises NotThere where the App is not installed."""
        return self._current(repository, scope).api

    def token(self, repository: str, scope: Scope) -> str:
        """Return a token for git, good for ten minutes at least."""
        return self._current(repository, scope).token

    def learn(self, repository: str, installation: int | None) -> None:
        """Take note of where a Delivery said that the App is installed."""
        if installation is not None:
            self._told[repository] = installation

    def _current(self, repository: str, scope: Scope) -> _Issued:
        # One at a time: two threads that need the same token ask for it once.
        with self._lock:
            known = self._issued.get((repository, scope))
            if known is None or known.until - _EARLY <= time.monotonic():
                known = self._issue(repository, scope)
                self._issued[repository, scope] = known
            return known

    def _renewed(self, repository: str, scope: Scope, dead: str) -> Auth.Auth:
        """Return another token than `dead`: another thread may have it already.

        GitHub forgets one before its end where it is revoked, or the App installed anew.
        """
        with self._lock:
            known = self._issued.get((repository, scope))
            if known is not None and known.token == dead:
                del self._issued[repository, scope]
        return Auth.Token(self._current(repository, scope).token)

    def _issue(self, repository: str, scope: Scope) -> _Issued:
        path = f"/app/installations/{self._installation(repository)}/access_tokens"
        permissions = permissions_of(scope, workflows=self._workflows)
        try:
            answer = self._asked_for(path, permissions, repository)
        except api_errors.Unprocessable:
            name = self._name_now(path, repository)
            if name == repository:
                raise
            answer = self._asked_for(path, permissions, name)
        lasts = datetime.fromisoformat(answer["expires_at"]).timestamp() - time.time()
        token = str(answer["token"])
        renew = partial(self._renewed, repository, scope)
        api = Api(Auth.Token(token), self._base_url, timeouts=self._timeouts, renew=renew)
        return _Issued(api, token, time.monotonic() + lasts)

    def _installation(self, repository: str) -> int:
        """Return where the App is installed for it: GitHub knows, else who delivered."""
        try:
            return read(Numbered, self._app.call("GET", f"/repos/{repository}/installation")).id
        except api_errors.NotThere:
            if repository not in self._told:
                raise
            return self._told[repository]

    def _asked_for(self, path: str, permissions: Mapping[str, str], repository: str) -> dict[str, Any]:
        wanted = {"repositories": [repository.partition("/")[2]], "permissions": permissions}
        answer: dict[str, Any] = self._app.call("POST", path, body=wanted)
        return answer

    def _name_now(self, path: str, repository: str) -> str:
        """Return what a repository is called now: an old name is good for reading, but for no token."""
        answer = self._app.call("POST", path, body={"permissions": {"metadata": "read"}})
        api = Api(Auth.Token(str(answer["token"])), self._base_url, timeouts=self._timeouts)
        return str(api.call("GET", f"/repos/{repository}")["full_name"])


def read_app_key(text: str) -> str:
    """Return the App's key as PEM; it may be PEM, PEM with its line ends spelled out, or base64."""
    for candidate in (text, _decoded(text)):
        pem = candidate.strip().replace("\\n", "\n")
        try:
            if isinstance(load_pem_private_key(pem.encode(), password=None), RSAPrivateKey):
                return f"{pem}\n"
        except (ValueError, TypeError):
            continue
    # No cause: it may quote the key.
    raise InvalidAppKey from None


def _decoded(text: str) -> str:
    try:
        return base64.b64decode("".join(text.split()), validate=True).decode("ascii")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return ""
