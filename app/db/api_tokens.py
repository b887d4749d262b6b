"""API tokens: stored as a hash (32 random bytes need no slow one), good for a role and for a time."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, false, insert, or_, select, update

from app.clock import utcnow
from app.db.rows import api_tokens, users
from app.domain.access import BUILT_IN, ApiToken, UserRole
from app.errors import NotFound


@dataclass(frozen=True)
class NewToken:
    """What is known of a token before it is stored."""

    secret: str
    hint: str
    name: str
    role: UserRole
    #: None: the built-in admin's.
    user_id: str | None
    expires_at: datetime | None


def create(c: Connection, new: NewToken) -> ApiToken:
    """Store a token."""
    identifier = str(uuid.uuid4())
    row = {**vars(new), "id": identifier, "created_at": utcnow()}
    c.execute(insert(api_tokens).values(row))
    return get(c, identifier)


def get(c: Connection, token_id: str) -> ApiToken:
    """Return the token; raises NotFound."""
    row = c.execute(_all().where(api_tokens.c.id == token_id)).first()
    if row is None:
        raise NotFound("There is no such token.")
    return _token(row)


def find(c: Connection, secret: str) -> ApiToken | None:
    """Return the token with this hash if it is good now; one indexed query."""
    good = (
        api_tokens.c.revoked_at.is_(None),
        or_(api_tokens.c.expires_at.is_(None), api_tokens.c.expires_at > utcnow()),
        or_(api_tokens.c.user_id.is_(None), users.c.disabled == false()),
    )
    row = c.execute(_all().where(api_tokens.c.secret == secret, *good)).first()
    return None if row is None else _token(row)


def note_use(c: Connection, token_id: str) -> None:
    """Write down that it was used now."""
    c.execute(update(api_tokens).where(api_tokens.c.id == token_id).values(used_at=utcnow()))


def every(c: Connection) -> list[ApiToken]:
    """Return all tokens that were not revoked, newest first."""
    query = _all().where(api_tokens.c.revoked_at.is_(None))
    return [_token(row) for row in c.execute(query.order_by(api_tokens.c.created_at.desc()))]


def revoke(c: Connection, token_id: str) -> None:
    """Make a token worthless."""
    still = (api_tokens.c.id == token_id, api_tokens.c.revoked_at.is_(None))
    c.execute(update(api_tokens).where(*still).values(revoked_at=utcnow()))


def _all() -> Select[Any]:
    return select(api_tokens, users.c.login, users.c.role.label("owner_role")).outerjoin(users)


def _token(row: Row[Any]) -> ApiToken:
    names = ("id", "name", "hint", "user_id", "created_at", "expires_at", "used_at", "revoked_at")
    role = UserRole(row.role)
    return ApiToken(
        **{name: getattr(row, name) for name in names},
        role=role if row.owner_role is None else role.at_most(UserRole(row.owner_role)),
        owner=row.login or BUILT_IN,
    )
