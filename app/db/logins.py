"""Sign-ins of browsers: a hash of what the cookie holds; without its row the cookie opens nothing."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, delete, false, insert, or_, select, update

from app.clock import utcnow
from app.db.rows import logins, users
from app.domain.access import BUILT_IN, Login, SignedInAs, UserRole, Via

#: A sign-in ends when it was not used for IDLE, and in any case LONGEST after it was made.
IDLE = timedelta(hours=12)
LONGEST = timedelta(days=7)
#: Use is written down at most this often.
NOTED_AFTER = timedelta(minutes=1)


@dataclass(frozen=True)
class NewLogin:
    """Somebody who has just shown who they are."""

    #: The hash of what the browser gets.
    secret: str
    #: None: the built-in admin, whose sign-ins are good as long as the admin token stays the same.
    user_id: str | None
    mark: str | None
    via: Via
    address: str
    agent: str


def begin(c: Connection, new: NewLogin) -> str:
    """Store a sign-in; return its id."""
    now = utcnow()
    identifier = str(uuid.uuid4())
    c.execute(
        insert(logins).values(
            id=identifier,
            secret=new.secret,
            user_id=new.user_id,
            mark=new.mark,
            via=new.via,
            address=new.address[:64],
            agent=new.agent[:200],
            created_at=now,
            seen_at=now,
            expires_at=now + LONGEST,
        )
    )
    return identifier


def find(c: Connection, secret: str, *, mark: str) -> SignedInAs | None:
    """Return whose sign-in this is, if it is good now; one indexed query."""
    query = select(logins, users.c.login, users.c.role).outerjoin(users)
    row = c.execute(query.where(logins.c.secret == secret, *_good(mark))).first()
    return None if row is None else _signed_in(row)


def note_use(c: Connection, login_id: str) -> None:
    """Write down that it was used now."""
    c.execute(update(logins).where(logins.c.id == login_id).values(seen_at=utcnow()))


def of(c: Connection, user_id: str | None, *, mark: str) -> list[Login]:
    """Return the sign-ins of a user (None: of the built-in admin) that are good now, last used first."""
    query = select(logins).outerjoin(users).where(_owner(user_id), *_good(mark))
    return [_login(row) for row in c.execute(query.order_by(logins.c.seen_at.desc()))]


def end(c: Connection, login_id: str) -> None:
    """End a sign-in; its cookie opens nothing from now on."""
    c.execute(delete(logins).where(logins.c.id == login_id))


def end_secret(c: Connection, secret: str) -> None:
    """End the sign-in whose cookie holds what has this hash."""
    c.execute(delete(logins).where(logins.c.secret == secret))


def end_own(c: Connection, user_id: str | None, login_id: str) -> bool:
    """End a sign-in if it is this user's; return whether it was there."""
    return c.execute(delete(logins).where(logins.c.id == login_id, _owner(user_id))).rowcount > 0


def delete_old(c: Connection, now: datetime) -> None:
    """Delete what opens nothing any more."""
    c.execute(delete(logins).where(or_(logins.c.expires_at < now, logins.c.seen_at < now - IDLE)))


def _good(mark: str) -> tuple[ColumnElement[bool], ...]:
    now = utcnow()
    built_in = and_(logins.c.user_id.is_(None), logins.c.mark == mark)
    enabled = and_(logins.c.user_id.is_not(None), users.c.disabled == false())
    return (logins.c.expires_at > now, logins.c.seen_at > now - IDLE, or_(built_in, enabled))


def _owner(user_id: str | None) -> ColumnElement[bool]:
    return logins.c.user_id.is_(None) if user_id is None else logins.c.user_id == user_id


def _signed_in(row: Row[Any]) -> SignedInAs:
    return SignedInAs(
        id=row.id,
        user_id=row.user_id,
        name=row.login or BUILT_IN,
        role=UserRole(row.role) if row.user_id else UserRole.ADMIN,
        via=row.via,
        created_at=row.created_at,
        seen_at=row.seen_at,
    )


def _login(row: Row[Any]) -> Login:
    return Login.model_validate({name: getattr(row, name) for name in Login.model_fields})
