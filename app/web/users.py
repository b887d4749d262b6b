"""Users, for admins: make them, give them a role, shut them out, let them choose a password."""

from typing import Any

from flask import request
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag

from app.clock import rfc3339, utcnow
from app.db import audit, links, users
from app.db.engine import Connection
from app.db.users import NewUser
from app.domain.access import Entry, User
from app.errors import Conflict
from app.security import passwords, tokens
from app.web import trace
from app.web.access import identity
from app.web.access_schemas import LinkOut, UserChange, UserList, UserOut, UserPath, UserRequest, UserWithLink
from app.web.openapi import SECURITY, Answer, problems
from app.web.services import services

blueprint = APIBlueprint("users", __name__, abp_tags=[Tag(name="users")], abp_security=SECURITY)


@blueprint.get("/api/users", responses={200: UserList, **problems(403)})
def index() -> Answer:
    """List all users."""
    return {"items": [_shown(user) for user in services().db.read(users.every)]}


@blueprint.post("/api/users", responses={201: UserWithLink, **problems(400, 403, 409, 413, 415)})
def create(body: UserRequest) -> Answer:
    """Make a user; without a password, with a link to choose one, good once and for a day."""
    stored = None if body.password is None else passwords.stored(body.password)
    new = NewUser(body.login, body.role, stored)
    secret = tokens.new() if stored is None else None
    made = services().db.write(
        _make, new, secret, trace.entry("user made", new.login, new.role, by=identity())
    )
    return {**_shown(made), "link": None if secret is None else _link(secret)}, 201


@blueprint.post(
    "/api/users/<uuid:user_id>", responses={200: UserOut, **problems(400, 403, 404, 409, 413, 415)}
)
def change(path: UserPath, body: UserChange) -> Answer:
    """Give a user another role, shut them out or let them in again; they are signed out at once."""
    who, user_id = identity(), str(path.user_id)
    if user_id == who.user_id:
        raise Conflict(
            "Nobody changes their own role or shuts themselves out: ask another admin.", reason="own_user"
        )
    changed = trace.recorded(
        lambda c: users.change(c, user_id, role=body.role, disabled=body.disabled),
        "user changed",
        lambda user: (user.login, _what(user)),
        by=who,
    )
    return _shown(changed)


@blueprint.post("/api/users/<uuid:user_id>/link", responses={201: LinkOut, **problems(403, 404, 409)})
def link(path: UserPath) -> Answer:
    """Make a link with which a user signs in once to choose a password; an older one is worth nothing."""
    user_id, secret = str(path.user_id), tokens.new()

    def make(c: Connection) -> User:
        user = users.get(c, user_id)
        links.make(c, tokens.digest(secret), user_id=user_id)
        return user

    trace.recorded(make, "link made", lambda user: (user.login, ""), by=identity())
    return _link(secret), 201


def _make(c: Connection, new: NewUser, secret: str | None, entry: Entry) -> User:
    user = users.create(c, new)
    if secret is not None:
        links.make(c, tokens.digest(secret), user_id=user.id)
    audit.add(c, entry)
    return user


def _link(secret: str) -> dict[str, Any]:
    base = services().settings.public_url or request.host_url
    # In the fragment: browsers do not send it, so no log has it.
    return {"url": f"{base.rstrip('/')}/login#token={secret}", "expires_at": rfc3339(utcnow() + links.LASTS)}


def _what(user: User) -> str:
    return f"{user.role}, shut out" if user.disabled else user.role


def _shown(user: User) -> dict[str, Any]:
    return {**user.model_dump(), "created_at": rfc3339(user.created_at)}
