"""Signing in and out: a token, a link, or a login and password are traded for this browser's cookie."""

from dataclasses import dataclass
from typing import cast
from urllib.parse import urlsplit

from flask import Response, jsonify, redirect, render_template, request
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag

from app.db import audit, links, logins, users
from app.db.engine import Connection
from app.db.logins import NewLogin
from app.domain.access import BUILT_IN, Entry, User, UserRole, Via
from app.errors import ErrandError, Unauthorized, Unavailable
from app.security import passwords, tokens
from app.security.auth import authenticate
from app.security.github import Github
from app.web import rates, trace
from app.web.access import hand_over, identity, refuse_foreign, take_back, the_auth, the_rates
from app.web.openapi import SECURITY, Answer, problems
from app.web.schemas import SignedIn, SignIn
from app.web.services import services

blueprint = APIBlueprint("login", __name__, abp_tags=[Tag(name="sign-in")])

_WRONG = (
    "This is not the token. bin/up prints it with the address to open; ERRAND_ADMIN_TOKEN sets it. "
    "`errand link` makes a fresh link."
)


@dataclass(frozen=True)
class Arrival:
    """Somebody who has just shown who they are; without a user the built-in admin."""

    via: Via
    user: User | None = None

    @property
    def name(self) -> str:
        """What they are called."""
        return BUILT_IN if self.user is None else self.user.login

    @property
    def role(self) -> UserRole:
        """What they may do."""
        return UserRole.ADMIN if self.user is None else self.user.role


@dataclass(frozen=True)
class Visit:
    """What a request says of who signs in, gathered before the transaction, which may run elsewhere."""

    #: The hashes of what the browser gets, and of what it had.
    secret: str
    before: str | None
    mark: str
    address: str
    agent: str
    entry: Entry


def local(path: str | None) -> str:
    """Return `path` if it leads to a page of ours, else the first page."""
    if not path or not path.startswith("/") or path[1:2] in {"/", "\\"} or not path.isprintable():
        return "/"
    parts = urlsplit(path)
    return "/" if parts.scheme or parts.netloc else path


@blueprint.get(
    "/login",
    responses={
        200: {"description": "The page.", "content": {"text/html": {"schema": {"type": "string"}}}},
        303: {"description": "Signed in already: to `next`."},
        **problems(),
    },
    security=[{}],
)
def form() -> Answer:
    """Show where to put the token or the password; a token in the address's fragment is taken at once."""
    after = local(request.args.get("next"))
    if authenticate(request) is not None:
        return redirect(after, 303)
    return render_template(
        "login.html", next=after, users=_there_are_users(), github=Github(services().settings).on
    )


@blueprint.post("/login", responses={200: SignedIn, **problems(400, 401, 403, 413, 415, 429)}, security=[{}])
def sign_in(body: SignIn) -> Answer:
    """Trade a token, the secret of a sign-in link, or a login with its password for a cookie."""
    if "Origin" in request.headers:
        refuse_foreign(request)
    here = trace.address(request)
    the_rates().check(rates.SIGN_IN, here)
    secret = tokens.new()
    try:
        arrival = _arrive(body, secret)
    except Unauthorized as error:
        trace.record(trace.entry("sign-in refused", body.login or "", error.code, by=None))
        raise
    answer = jsonify(_welcome(arrival, local(body.next)))
    hand_over(answer, secret)
    return answer


@blueprint.post(
    "/logout",
    responses={204: None, 303: {"description": "A form asked: to the sign-in page."}, **problems(403)},
    security=SECURITY,
)
def sign_out() -> Answer:
    """End the sign-in: from now on nobody gets in with its cookie, copies of it included."""
    who = identity()
    if who.login_id is not None:
        login_id = who.login_id
        trace.recorded(lambda c: logins.end(c, login_id), "sign-out", lambda _: ("", ""), by=who)
    to_page = request.accept_mimetypes.best_match(["application/json", "text/html"]) == "text/html"
    answer = cast("Response", redirect("/login", 303)) if to_page else Response(status=204)
    take_back(answer)
    return answer


def _there_are_users() -> bool:
    try:
        return services().db.read(users.there_are)
    except Unavailable:
        return False  # the page is there all the same; it says then what signing in says


def visit(secret: str) -> Visit:
    """Return what this request says of who signs in; the browser is to get `secret`."""
    before = the_auth().secret(request)
    return Visit(
        secret=tokens.digest(secret),
        before=None if not before else tokens.digest(before),
        mark=the_auth().mark,
        address=trace.address(request),
        agent=request.headers.get("User-Agent", ""),
        entry=trace.entry("sign-in", by=None),
    )


def begin(c: Connection, arrival: Arrival, comes: Visit) -> None:
    """Store the sign-in of `arrival`; the browser's earlier one ends: a planted cookie is worth nothing."""
    if comes.before is not None:
        logins.end_secret(c, comes.before)
    user_id = None if arrival.user is None else arrival.user.id
    mark = comes.mark if user_id is None else None
    logins.begin(c, NewLogin(comes.secret, user_id, mark, arrival.via, comes.address, comes.agent))
    told = {"actor": arrival.name, "user_id": user_id, "object": arrival.name, "detail": arrival.via}
    audit.add(c, comes.entry.model_copy(update=told))


def _arrive(body: SignIn, secret: str) -> Arrival:
    if body.token is None:
        arrival = Arrival("password", _by_password(body.login or "", body.password or ""))
        services().db.write(begin, arrival, visit(secret))
        return arrival
    if the_auth().accepts(body.token):
        arrival = Arrival("token")
        services().db.write(begin, arrival, visit(secret))
        return arrival
    here = trace.address(request)
    # Counted before it is looked at, or many at once would all be looked at.
    the_rates().take(rates.SIGN_IN, here)
    try:
        arrival = services().db.write(_by_link, tokens.digest(body.token), visit(secret))
    except Unauthorized as error:
        raise (
            error if isinstance(error, links.LinkSpent) else Unauthorized(_WRONG, reason="token_invalid")
        ) from None
    the_rates().give_back(rates.SIGN_IN, here)
    return arrival


def _by_link(c: Connection, link: str, comes: Visit) -> Arrival:
    """Use the link up and sign in, both or neither."""
    user_id = links.take(c, link)
    user = None if user_id is None else users.get(c, user_id)
    if user is not None and user.disabled:
        raise Unauthorized(reason="token_invalid")
    arrival = Arrival("link", user)
    begin(c, arrival, comes)
    return arrival


def _by_password(login: str, password: str) -> User:
    """Return the user; wrong, unknown and disabled take the same time and get the same answer."""
    counted = ((rates.SIGN_IN, trace.address(request)), (rates.SIGN_IN_LOGIN, login.lower()))
    for rate, key in counted:
        the_rates().take(rate, key)
    try:
        found = services().db.read(users.by_login, login)
        right = passwords.is_right(password, None if found is None else found[1])
    except ErrandError:
        _uncount(counted)
        raise
    if found is None or not right or found[0].disabled:
        raise Unauthorized("This login and this password do not belong together.", reason="password_wrong")
    _uncount(counted)
    return found[0]


def _uncount(counted: tuple[tuple[rates.Rate, str], ...]) -> None:
    for rate, key in counted:
        the_rates().give_back(rate, key)


def _welcome(arrival: Arrival, after: str) -> dict[str, str]:
    # A link for a user is there to choose a password with.
    chooses = arrival.via == "link" and arrival.user is not None
    return {"name": arrival.name, "role": arrival.role, "next": "/settings#account" if chooses else after}
