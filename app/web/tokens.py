"""API tokens: made for a program, shown once, with a role that is never above their maker's."""

from datetime import timedelta
from typing import Any

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag

from app.clock import rfc3339, utcnow
from app.db import api_tokens
from app.db.api_tokens import NewToken
from app.db.engine import Connection
from app.domain.access import ApiToken, UserRole
from app.errors import Forbidden, NotFound
from app.security import tokens
from app.security.auth import Identity
from app.web import trace
from app.web.access import identity
from app.web.access_schemas import TokenList, TokenPath, TokenRequest, TokenWithSecret
from app.web.openapi import SECURITY, Answer, problems
from app.web.services import services

blueprint = APIBlueprint("tokens", __name__, abp_tags=[Tag(name="tokens")], abp_security=SECURITY)


@blueprint.get("/api/tokens", responses={200: TokenList, **problems()})
def index() -> Answer:
    """List one's own API tokens; admins see everybody's. What a token is, is never shown again."""
    who = identity()
    return {"items": [_shown(one) for one in services().db.read(api_tokens.every) if _may(who, one)]}


@blueprint.post("/api/tokens", responses={201: TokenWithSecret, **problems(400, 403, 413, 415)})
def create(body: TokenRequest) -> Answer:
    """Make an API token. The answer holds it, this once."""
    who = identity()
    if who.token_id is not None:
        raise Forbidden("An API token makes no tokens, or one that leaked would outlive its end. Sign in.")
    if not who.role.covers(body.role):
        raise Forbidden(f"A token may do no more than you: {who.role}, not {body.role}.")
    token = tokens.new_api_token()
    expires_at = None if body.days is None else utcnow() + timedelta(days=body.days)
    hint = token[: tokens.HINT]
    new = NewToken(tokens.digest(token), hint, body.name, body.role, who.user_id, expires_at)
    made = trace.recorded(
        lambda c: api_tokens.create(c, new),
        "token made",
        lambda one: (one.name, f"{one.role}, {one.hint}..."),
        by=who,
    )
    return {**_shown(made), "token": token}, 201


@blueprint.post("/api/tokens/<uuid:token_id>/revoke", responses={204: None, **problems(403, 404)})
def revoke(path: TokenPath) -> Answer:
    """Make a token worthless: one's own, or as an admin anybody's."""
    who = identity()
    trace.recorded(
        lambda c: _revoke(c, who, str(path.token_id)),
        "token revoked",
        lambda one: (one.name, f"{one.owner}'s, {one.hint}..."),
        by=who,
    )
    return Response(status=204)


def _revoke(c: Connection, who: Identity, token_id: str) -> ApiToken:
    found = api_tokens.get(c, token_id)
    if not _may(who, found):
        raise NotFound("There is no such token.")
    api_tokens.revoke(c, token_id)
    return found


def _may(who: Identity, token: ApiToken) -> bool:
    if who.role is UserRole.ADMIN:
        return True
    # A token sees itself only: its owner may be the built-in admin, who has others.
    return token.id == who.token_id if who.token_id is not None else token.user_id == who.user_id


def _shown(token: ApiToken) -> dict[str, Any]:
    times = {name: getattr(token, name) for name in ("created_at", "expires_at", "used_at", "revoked_at")}
    return {**token.model_dump(), **{name: at and rfc3339(at) for name, at in times.items()}}
