"""A local stand-in for GitHub: its REST API, stateful and checked against its own description, and real git.

with FakeGitHub(tmp_path) as github:
hello = github.add_repository("octo/hello", {"README.md": "Hello"}, roles={"mona": "write"})
...                                  # GITHUB_API_URL is github.api_url, clones come from github.git_url
github.fail("POST", "/issues/.*/comments", status=502)
assert github.problems == []             # nothing was asked or answered that GitHub would not
"""

import itertools
import re
import secrets
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qsl

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.fakes.github import git_http
from tests.fakes.github.calls import Fault, Recorded
from tests.fakes.github.openapi import Described, describe, merged, named
from tests.fakes.github.routes import ROUTES, Call, Refusal
from tests.fakes.github.state import Json, Repository, account
from tests.fakes.github.wire import PREFIX, Wire

_Answer = tuple[int, Any]
#: Any one of which a call takes.
_NEEDED: Mapping[str, tuple[str, ...]] = {
    "/check-runs": ("checks",),
    "/issues": ("issues", "pull_requests"),
    "/pulls": ("pull_requests",),
}


@dataclass(frozen=True)
class _Who:
    account: Json
    #: None: whatever it likes.
    permissions: Mapping[str, str] | None = None
    repositories: frozenset[str] | None = None
    is_app: bool = False


@cache
def _app_key() -> rsa.RSAPrivateKey:
    """Make one key for all tests: it takes longer than most of them."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


class FakeGitHub:
    """The whole of it; for `with`. Use `lock` where a test reads what a thread may be changing."""

    app_id, slug, installation_id = "4242", "errand-test", 99

    def __init__(self, folder: Path, *, tls: ssl.SSLContext | None = None) -> None:
        self.folder = folder
        self.ids = itertools.count(1000)
        self.repositories: dict[str, Repository] = {}
        self.tokens: dict[str, _Who] = {}
        self.permissions: dict[str, str] = dict.fromkeys(
            ("checks", "contents", "issues", "metadata", "pull_requests"), "write"
        )
        self.events = ["issue_comment", "issues", "pull_request"]
        #: What the owner of the repositories has accepted of the permissions; None: all.
        self.accepted: dict[str, str] | None = None
        self.suspended = False
        #: Where the App's webhooks go, where it has any.
        self.hook_url: str | None = None
        #: Names that repositories had, and the ones they have now.
        self.moved: dict[str, str] = {}
        self.deliveries: list[Json] = []
        self.faults: list[Fault] = []
        self.calls: list[Recorded] = []
        self.problems: list[str] = []
        #: Seconds that the next installation tokens are good for.
        self.token_seconds = 3600
        self.lock = threading.RLock()
        self._key = _app_key()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (Wire,), {"github": self}))
        self._scheme = "https" if tls else "http"
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def git_url(self) -> str:
        """Where owner/name.git is cloned from."""
        return f"{self._scheme}://127.0.0.1:{self._server.server_address[1]}"

    @property
    def api_url(self) -> str:
        """What GITHUB_API_URL is set to."""
        return f"{self.git_url}{PREFIX}"

    @property
    def app_key(self) -> str:
        """The App's private key."""
        form = (Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
        return self._key.private_bytes(*form).decode()

    @property
    def app_login(self) -> str:
        """The account of the App."""
        return f"{self.slug}[bot]"

    def add_repository(
        self, full_name: str, files: Mapping[str, str], *, roles: Mapping[str, str] | None = None
    ) -> Repository:
        """Make a repository with a commit on main, in which the App is installed."""
        path = self.folder / f"{full_name}.git"
        git_http.create(path, files)
        made = Repository(next(self.ids), full_name, path, self.ids, dict(roles or {}))
        self.repositories[full_name] = made
        return made

    def rename(self, repository: Repository, full_name: str) -> None:
        """Give a repository another name: the old one redirects, and tokens are good as they were."""
        with self.lock:
            old, path = repository.full_name, self.folder / f"{full_name}.git"
            repository.path.rename(path)
            repository.full_name, repository.path = full_name, path
            self.repositories[full_name] = self.repositories.pop(old)
            self.moved[old] = full_name
            for token, who in self.tokens.items():
                if who.repositories is not None and old in who.repositories:
                    self.tokens[token] = replace(who, repositories=who.repositories | {full_name})

    def add_token(self, login: str) -> str:
        """Make a personal access token."""
        token = f"ghp_{secrets.token_hex(18)}"
        self.tokens[token] = _Who(account(login, 77))
        return token

    def fail(self, verb: str, path: str, **what: Any) -> None:
        """Plant a fault; `path` is an expression, searched for."""
        self.faults.append(Fault(verb, path, **what))

    def asked(self, verb: str, path: str) -> list[Recorded]:
        """Return the calls that fit."""
        with self.lock:
            return [one for one in self.calls if one.verb == verb and re.search(path, one.path)]

    def take_fault(self, verb: str, path: str, *, after: bool) -> Fault | None:
        """Return the fault that is planted for this call, once less."""
        with self.lock:
            for fault in self.faults:
                fits = fault.verb == verb and re.search(fault.path, path) and fault.after == after
                if fits and fault.times > 0:
                    fault.times -= 1
                    return fault
        return None

    def answer(
        self, verb: str, path: str, query: str, body: Any, headers: Mapping[str, str]
    ) -> tuple[int, Any]:
        """Return what GitHub would answer, having checked both sides against its description."""
        described = describe(verb, path)
        if described is None:
            self.problems.append(f"{verb} {path} is no call that openapi.json has")
            return 404, {"message": "Not Found"}
        with self.lock:
            problems = described.request_problems(query, body)
            self.problems += [f"{verb} {path}: asked {problem}" for problem in problems]
            try:
                status, answer = self._answer(verb, described, query, body, headers)
            except Refusal as refusal:
                status, answer = refusal.status, refusal.answer
        problems = [] if isinstance(answer, str) else described.answer_problems(status, answer)
        self.problems += [f"{verb} {path}: answered {problem}" for problem in problems]
        return status, answer

    def _answer(
        self, verb: str, described: Described, query: str, body: Any, headers: Mapping[str, str]
    ) -> _Answer:
        who = self.who(headers.get("Authorization"))
        if who.is_app or described.path == "/user":
            return self._of_app(described, body, who)
        repository = self._repository(described.values, who)
        self._permit(verb, described.path, who)
        asked = dict(parse_qsl(query))
        call = Call(described, repository, body, asked, headers.get("Accept", ""), who.account)
        return ROUTES[verb, described.path](call)

    def who(self, authorization: str | None) -> _Who:
        """Return who asks, by token or by the App's signature."""
        given = (authorization or "").partition(" ")[2]
        if given in self.tokens:
            return self.tokens[given]
        try:
            claims = jwt.decode(given, self._key.public_key(), algorithms=["RS256"], issuer=self.app_id)
        except jwt.PyJWTError:
            raise Refusal(401, "Bad credentials") from None
        if claims["exp"] - claims["iat"] > 660:
            raise Refusal(401, "'Expiration time' claim ('exp') is too far in the future")
        return _Who(account(self.app_login, 42), is_app=True)

    def may(self, token: str | None, full_name: str, permission: str, level: str) -> bool:
        """Tell whether git may come in with `token`."""
        who = self.tokens.get(token or "")
        if who is None or (who.repositories is not None and full_name not in who.repositories):
            return False
        held = None if who.permissions is None else who.permissions.get(permission)
        return who.permissions is None or held == "write" or (held == "read" and level == "read")

    def _repository(self, values: Mapping[str, str], who: _Who) -> Repository:
        full_name = f"{values['owner']}/{values['repo']}"
        seen = who.repositories is None or full_name in who.repositories
        if full_name not in self.repositories or not seen:
            raise Refusal(404, "Not Found")
        return self.repositories[full_name]

    def _permit(self, verb: str, path: str, who: _Who) -> None:
        if who.permissions is None:
            return
        level = "read" if verb == "GET" else "write"
        names = next((names for part, names in _NEEDED.items() if part in path), ("metadata",))
        if not any(who.permissions.get(name) in {level, "write"} for name in names):
            raise Refusal(403, "Resource not accessible by integration")

    def _of_app(self, described: Described, body: Any, who: _Who) -> tuple[int, Any]:
        match described.path:
            case "/user":
                return 200, merged(named("public-user"), who.account)
            case "/repos/{owner}/{repo}/installation":
                self._repository(described.values, who)
                return 200, self._installation()
            case "/app/installations/{installation_id}/access_tokens":
                return 201, self._issue(body)
            case path if path.startswith("/app"):
                return 200, self._itself(path)
        raise Refusal(403, "Resource not accessible by integration")

    def _itself(self, path: str) -> Any:
        app = {"id": int(self.app_id), "slug": self.slug, "name": "Errand", "events": self.events}
        answers: dict[str, Callable[[], Any]] = {
            "/app": lambda: named("integration", **app, permissions=self.permissions),
            "/app/hook/config": lambda: (
                {"content_type": "json"} | ({"url": self.hook_url} if self.hook_url else {})
            ),
            "/app/hook/deliveries": lambda: [named("hook-delivery-item", **one) for one in self.deliveries],
            "/app/installations": lambda: [self._installation()] if self.repositories else [],
        }
        return answers[path]()

    def _installation(self) -> Json:
        # The description of the list asks for the fields of a user and of an enterprise at once.
        owner = {**named("enterprise"), **account(next(iter(self.repositories)).partition("/")[0], 5)}
        known = {"id": self.installation_id, "app_id": int(self.app_id), "account": owner}
        since = "2026-01-01T00:00:00Z" if self.suspended else None
        found = named("installation", **known, suspended_at=since)
        return {**found, "permissions": self.permissions if self.accepted is None else self.accepted}

    def _issue(self, body: Json) -> Json:
        owner = next(iter(self.repositories)).partition("/")[0]
        asked = body.get("repositories")
        names = None if asked is None else frozenset(f"{owner}/{name}" for name in asked)
        if names is not None and not names <= self.repositories.keys():
            raise Refusal(422, "There is at least one repository that does not exist or is not accessible")
        levels = {"read": 1, "write": 2}
        if any(
            levels[what] > levels.get(self.permissions.get(name, ""), 0)
            for name, what in body["permissions"].items()
        ):
            raise Refusal(422, "The permissions requested are not granted to this installation.")
        token = f"ghs_{secrets.token_hex(18)}"
        self.tokens[token] = _Who(account(self.app_login, 42), body["permissions"], names)
        ends = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + self.token_seconds))
        return {"token": token, "expires_at": ends, "permissions": body["permissions"]}
