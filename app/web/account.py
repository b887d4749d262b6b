"""One's own account: who one is here, the password, and the browsers that are signed in."""

from typing import Any

from flask import Response, jsonify
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag

from app.clock import rfc3339
from app.db import audit, logins, users
from app.db.engine import Connection
from app.db.users import NewUser
from app.domain.access import Entry, Login, User, UserRole
from app.errors import Forbidden, NotFound
from app.security import passwords, tokens
from app.security.auth import Identity
from app.web import rates, trace
from app.web.access import hand_over, identity, the_auth, the_rates
from app.web.access_schemas import AccountOut, LoginList, LoginPath, NewOwnUser, PasswordChange
from app.web.login import Arrival, Visit, begin, visit
from app.web.openapi import SECURITY, Answer, problems
from app.web.services import services

blueprint = APIBlueprint("account", __name__, abp_tags=[Tag(name="account")], abp_security=SECURITY)


@blueprint.get("/api/account", responses={200: AccountOut, **problems()})
def show() -> Answer:
    """Say who asks, and what they may do."""
    who = identity()
    user, first = services().db.read(_found, who)
    answer = _described(who.name, user, built_in=who.built_in, needs_old=not who.by_link)
    # A token may do less than its owner.
    return {**answer, "role": who.role, "via": who.via, "first_user": first}


@blueprint.post(
    "/api/account",
    responses={200: AccountOut, **problems(400, 403, 409, 413, 415)},
    security=[{"cookie": []}],
)
def set_up(body: NewOwnUser) -> Answer:
    """Make the built-in admin a user with a login and a password, and go on as that user."""
    who = identity()
    if not who.built_in or who.login_id is None:
        raise Forbidden(
            "Only who came in by a sign-in link or the admin token, in a browser, sets up a user here."
        )
    new = NewUser(body.login, UserRole.ADMIN, passwords.stored(body.password))
    secret = tokens.new()
    written = trace.entry("user made", new.login, f"{new.role}, by the built-in admin", by=who)
    made = services().db.write(_set_up, new, visit(secret), written)
    answer = jsonify(_described(made.login, made, built_in=False, needs_old=True))
    hand_over(answer, secret)
    return answer


@blueprint.post(
    "/api/account/password",
    responses={204: None, **problems(400, 403, 413, 415, 429)},
    security=SECURITY,
)
def password(body: PasswordChange) -> Answer:
    """Choose another password; every other browser is signed out."""
    who = identity()
    if who.user_id is None or who.token_id is not None:
        raise Forbidden("Only a user has a password, and changes it signed in with a browser.")
    user_id = who.user_id
    stored = passwords.stored(body.password)
    if not who.by_link:
        _check_old(user_id, body.old)
    trace.recorded(
        lambda c: users.set_password(c, user_id, stored, keep=who.login_id),
        "password changed",
        lambda _: (who.name, ""),
        by=who,
    )
    return Response(status=204)


@blueprint.get("/api/account/logins", responses={200: LoginList, **problems()})
def list_logins() -> Answer:
    """List the browsers that are signed in as whoever asks."""
    who = identity()
    if who.token_id is not None:
        return {"items": []}  # a token is nobody's browser
    found = services().db.read(logins.of, who.user_id, mark=the_auth().mark)
    return {"items": [_login(one, who) for one in found]}


@blueprint.post("/api/account/logins/<uuid:login_id>/revoke", responses={204: None, **problems(403, 404)})
def end_login(path: LoginPath) -> Answer:
    """Sign one of them out."""
    who, login_id = identity(), str(path.login_id)
    if who.token_id is not None:
        raise NotFound("There is no such sign-in.")
    trace.recorded(lambda c: _end(c, who, login_id), "sign-in revoked", lambda _: (login_id, ""), by=who)
    return Response(status=204)


def _found(c: Connection, who: Identity) -> tuple[User | None, bool]:
    return None if who.user_id is None else users.get(c, who.user_id), not users.there_are(c)


def _described(name: str, user: User | None, *, built_in: bool, needs_old: bool) -> dict[str, Any]:
    return {
        "name": name,
        "role": UserRole.ADMIN if user is None else user.role,
        "user_id": None if user is None else user.id,
        "built_in": built_in,
        "via": "cookie",
        "may_set_password": user is not None and (user.has_password or not needs_old),
        "needs_old_password": user is not None and needs_old,
        "first_user": False,
        "auth": services().settings.auth,
    }


def _set_up(c: Connection, new: NewUser, comes: Visit, written: Entry) -> User:
    user = users.create(c, new)
    audit.add(c, written)
    # Rotates: the built-in admin's sign-in in this browser ends with it.
    begin(c, Arrival("password", user), comes)
    return user


def _check_old(user_id: str, old: str | None) -> None:
    kept = services().db.read(users.stored_password, user_id)
    if kept is None:
        # Or who left GitHub's list could keep a door of their own.
        raise Forbidden("You have no password yet: ask an admin for a link to choose one with.")
    the_rates().take(rates.SIGN_IN_LOGIN, user_id)
    if not passwords.is_right(old or "", kept):
        raise Forbidden("The old password is not right.", reason="password_wrong")
    the_rates().give_back(rates.SIGN_IN_LOGIN, user_id)


def _end(c: Connection, who: Identity, login_id: str) -> None:
    if not logins.end_own(c, who.user_id, login_id):
        raise NotFound("There is no such sign-in.")


def _login(one: Login, who: Identity) -> dict[str, Any]:
    times = {name: rfc3339(getattr(one, name)) for name in ("created_at", "seen_at", "expires_at")}
    return {**one.model_dump(), **times, "this": one.id == who.login_id}
