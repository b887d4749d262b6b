"""Users: who signs in under a name of their own, and what they may do."""

import uuid
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, exists, insert, select, update
from sqlalchemy.exc import IntegrityError

from app.clock import utcnow
from app.db.rows import links, logins, users
from app.domain.access import User, UserRole
from app.errors import Conflict, NotFound


@dataclass(frozen=True)
class NewUser:
    """What is known of a user who does not exist yet."""

    login: str
    role: UserRole
    #: As Werkzeug writes it; without one, a link or GitHub lets them in.
    password: str | None = None
    github_id: int | None = None


def create(c: Connection, new: NewUser) -> User:
    """Add a user; raises Conflict where somebody has the login, in whatever case."""
    row = {
        "id": str(uuid.uuid4()),
        "login": new.login,
        "login_key": new.login.lower(),
        "role": new.role,
        "password": new.password,
        "github_id": new.github_id,
        "created_at": utcnow(),
    }
    try:
        with c.begin_nested():
            c.execute(insert(users).values(row))
    except IntegrityError:
        raise Conflict(f"There is a user {new.login} already.", reason="login_taken") from None
    return get(c, str(row["id"]))


def get(c: Connection, user_id: str) -> User:
    """Return the user; raises NotFound."""
    row = c.execute(select(users).where(users.c.id == user_id)).first()
    if row is None:
        raise NotFound("There is no such user.")
    return _user(row)


def every(c: Connection) -> list[User]:
    """Return all users by login."""
    return [_user(row) for row in c.execute(select(users).order_by(users.c.login_key))]


def there_are(c: Connection) -> bool:
    """Whether there is any user."""
    return bool(c.execute(select(exists().where(users.c.id.is_not(None)))).scalar_one())


def by_login(c: Connection, login: str) -> tuple[User, str | None] | None:
    """Return the user with this login and how the password is stored; None where nobody has it."""
    row = c.execute(select(users).where(users.c.login_key == login.lower())).first()
    return None if row is None else (_user(row), row.password)


def stored_password(c: Connection, user_id: str) -> str | None:
    """Return how the user's password is stored."""
    found: str | None = c.execute(select(users.c.password).where(users.c.id == user_id)).scalar_one_or_none()
    return found


def by_github(c: Connection, github_id: int) -> User | None:
    """Return the user with this GitHub account."""
    row = c.execute(select(users).where(users.c.github_id == github_id)).first()
    return None if row is None else _user(row)


def change(c: Connection, user_id: str, *, role: UserRole | None, disabled: bool | None) -> User:
    """Give a user another role, or shut or open their door; their sign-ins and open links end with it."""
    before = get(c, user_id)
    after = {
        "role": before.role if role is None else role,
        "disabled": before.disabled if disabled is None else disabled,
    }
    if (before.role, before.disabled) != (after["role"], after["disabled"]):
        c.execute(update(users).where(users.c.id == user_id).values(after))
        _shut_out(c, user_id)
    return get(c, user_id)


def set_password(c: Connection, user_id: str, stored: str, *, keep: str | None = None) -> None:
    """Store another password; all sign-ins but `keep` end, and so does an open link."""
    c.execute(update(users).where(users.c.id == user_id).values(password=stored))
    _shut_out(c, user_id, keep=keep)


def _shut_out(c: Connection, user_id: str, *, keep: str | None = None) -> None:
    mine = logins.delete().where(logins.c.user_id == user_id)
    c.execute(mine if keep is None else mine.where(logins.c.id != keep))
    still = (links.c.user_id == user_id, links.c.used_at.is_(None), links.c.revoked_at.is_(None))
    c.execute(update(links).where(*still).values(revoked_at=utcnow()))


def _user(row: Row[Any]) -> User:
    return User(
        id=row.id,
        login=row.login,
        role=UserRole(row.role),
        disabled=row.disabled,
        has_password=row.password is not None,
        github=row.github_id is not None,
        created_at=row.created_at,
    )
