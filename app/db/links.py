"""Sign-in links: good once, for a day, for the built-in admin or for one user."""

import uuid
from datetime import timedelta

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.exc import IntegrityError

from app.clock import utcnow
from app.db import users
from app.db.rows import links
from app.errors import Conflict, Unauthorized

LASTS = timedelta(hours=24)

_ADMIN = "admin"


class LinkSpent(Unauthorized):
    """This sign-in link cannot be used any more."""

    reason = "link_spent"


def make(c: Connection, secret: str, *, user_id: str | None = None) -> None:
    """Store a link by its hash; an older one for the same person is worth nothing from now on.

    Raises Conflict where somebody else makes one for them at the same moment.
    """
    slot = user_id or _ADMIN
    still = (links.c.slot == slot, links.c.used_at.is_(None), links.c.revoked_at.is_(None))
    c.execute(update(links).where(*still).values(revoked_at=utcnow()))
    try:
        with c.begin_nested():
            _insert(c, secret, slot, user_id)
    except IntegrityError:
        raise Conflict("Somebody else has just made such a link. Try again.") from None


def make_first(c: Connection, secret: str) -> bool:
    """Store the built-in admin's first link; False where it is not needed, or somebody else has just done it.

    Not needed: there are users, or a link that can still be used.
    """
    now = utcnow()
    old = (links.c.slot == _ADMIN, links.c.used_at.is_(None), links.c.revoked_at.is_(None))
    c.execute(update(links).where(*old, links.c.expires_at <= now).values(revoked_at=now))
    used = select(links.c.id).where(links.c.slot == _ADMIN, links.c.used_at.is_not(None)).limit(1)
    if users.there_are(c) or c.execute(used).first() is not None:
        return False
    try:
        with c.begin_nested():
            _insert(c, secret, _ADMIN, None)
    except IntegrityError:
        return False  # the unique index: theirs is the one that was printed
    return True


def take(c: Connection, secret: str) -> str | None:
    """Use a link up; return the user it lets in, None for the built-in admin.

    Raises LinkSpent for one that was used, revoked or is too old, and Unauthorized for what is none.
    Of many who take one at the same time one gets it: a conditional UPDATE decides.
    """
    now = utcnow()
    mine = links.c.secret == secret
    open_ = (links.c.used_at.is_(None), links.c.revoked_at.is_(None), links.c.expires_at > now)
    if c.execute(update(links).where(mine, *open_).values(used_at=now)).rowcount != 1:
        _explain(c, secret)
    user_id: str | None = c.execute(select(links.c.user_id).where(mine)).scalar_one()
    return user_id


def _insert(c: Connection, secret: str, slot: str, user_id: str | None) -> None:
    now = utcnow()
    row = {"id": str(uuid.uuid4()), "secret": secret, "slot": slot, "user_id": user_id}
    c.execute(insert(links).values(**row, created_at=now, expires_at=now + LASTS))


def _explain(c: Connection, secret: str) -> None:
    row = c.execute(select(links).where(links.c.secret == secret)).first()
    if row is None:
        raise Unauthorized(reason="token_invalid")
    fresh = (
        "Where Errand runs, `errand link` makes a fresh one."
        if row.user_id is None
        else "Ask an admin for a fresh one."
    )
    what = "was used already" if row.used_at else "was replaced" if row.revoked_at else "is older than a day"
    raise LinkSpent(f"This sign-in link {what}: each is good once, for a day. {fresh}")
