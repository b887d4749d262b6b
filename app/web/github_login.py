"""Signing in with GitHub: there with a state and a challenge, and back with a code."""

import hmac
from typing import Any, cast

from flask import Response, redirect, request
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from itsdangerous import BadData, URLSafeTimedSerializer

from app.db import users
from app.db.engine import Connection
from app.db.users import NewUser
from app.domain.access import User, UserRole
from app.errors import Conflict, Forbidden, NotFound
from app.security import tokens
from app.security.github import Account, Github, GithubRefused
from app.web import trace
from app.web.access import hand_over, the_auth
from app.web.access_schemas import BackQuery, ThereQuery
from app.web.login import Arrival, Visit, begin, local, visit
from app.web.openapi import Answer, problems
from app.web.services import services

blueprint = APIBlueprint("github_login", __name__, abp_tags=[Tag(name="sign-in")])

_THERE: dict[str | int, Any] = {302: {"description": "To GitHub."}}
_BACK: dict[str | int, Any] = {302: {"description": "Signed in: to the page that was asked for."}}
_PATH = "/login/github"
#: Seconds somebody may take on GitHub's pages.
_LASTS = 600


@blueprint.get(_PATH, responses={**_THERE, **problems(400, 404)}, security=[{}])
def there(query: ThereQuery) -> Answer:
    """Send the browser to GitHub, with a state that only this browser can bring back."""
    github = _github()
    state, verifier = tokens.new(), tokens.new()
    answer = redirect(github.address(state=state, verifier=verifier, back=_back()), 302)
    kept = _signed().dumps({"state": state, "verifier": verifier, "next": local(query.next)})
    answer.set_cookie(
        _cookie(),
        str(kept),
        max_age=_LASTS,
        path=_PATH,
        secure=the_auth().is_secure(request),
        httponly=True,
        samesite="Lax",  # it has to come along when GitHub sends the browser back
    )
    return answer


@blueprint.get(f"{_PATH}/back", responses={**_BACK, **problems(400, 401, 403, 404, 409)}, security=[{}])
def back(query: BackQuery) -> Answer:
    """Take the code that GitHub gave, ask GitHub whose it is, and sign them in if they may come."""
    github = _github()
    try:
        kept = _signed().loads(request.cookies.get(_cookie(), ""), max_age=_LASTS)
    except BadData:
        raise GithubRefused("This sign-in was not begun in this browser, or took too long.") from None
    if query.code is None or not hmac.compare_digest(kept["state"].encode(), (query.state or "").encode()):
        raise GithubRefused
    account = github.who(code=query.code, verifier=kept["verifier"], back=_back())
    if account is None:
        trace.record(trace.entry("sign-in refused", "", "github: not on the list", by=None))
        raise Forbidden("Your GitHub account is not on the list of this Errand (ERRAND_GITHUB_OAUTH_ALLOW).")
    secret = tokens.new()
    role = UserRole(services().settings.github_oauth_role)
    services().db.write(_arrive, account, role, visit(secret))
    answer = redirect(kept["next"], 302)
    answer.delete_cookie(_cookie(), path=_PATH)
    hand_over(answer, secret)
    return cast("Response", answer)


def _arrive(c: Connection, account: Account, role: UserRole, comes: Visit) -> None:
    user = users.by_github(c, account.id) or _new(c, account, role)
    if user.disabled:
        raise Forbidden("An admin of this Errand has shut you out.")
    begin(c, Arrival("github", user), comes)


def _new(c: Connection, account: Account, role: UserRole) -> User:
    try:
        return users.create(c, NewUser(account.login, role, github_id=account.id))
    except Conflict:
        # Never taken for the same person: names on GitHub are whoever's was first there.
        sentence = f"There is a user {account.login} here who does not sign in with GitHub. Ask an admin."
        raise Conflict(sentence, reason="login_taken") from None


def _github() -> Github:
    github = Github(services().settings)
    if not github.on:
        raise NotFound("Signing in with GitHub is not set up here (ERRAND_GITHUB_OAUTH_CLIENT_ID).")
    return github


def _back() -> str:
    base = services().settings.public_url or request.host_url
    return f"{base.rstrip('/')}{_PATH}/back"


def _cookie() -> str:
    return f"{the_auth().cookie_name}_github"


def _signed() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(services().settings.secret_key(), salt="errand-github-sign-in")
