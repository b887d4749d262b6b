"""What is kept of sign-ins and of the audit, and for how long."""

from datetime import timedelta

from sqlalchemy import Connection, func, select, update

from app.clock import utcnow
from app.db import audit, logins, rows
from app.db.engine import Database
from app.db.logins import NewLogin
from app.domain.access import Entry
from app.runner import purge

_MARK = "of the token"


def _count(c: Connection) -> tuple[int, int]:
    kept, told = (
        c.execute(select(func.count()).select_from(one)).scalar_one() for one in (rows.logins, rows.audit)
    )
    return kept, told


def _fill(c: Connection) -> None:
    ages = {"fresh": {}, "idle": {"seen_at": utcnow() - logins.IDLE}, "old": {"expires_at": utcnow()}}
    for secret, age in ages.items():
        logins.begin(c, NewLogin(secret, None, _MARK, "token", "127.0.0.1", "a browser"))
        if age:
            c.execute(update(rows.logins).where(rows.logins.c.secret == secret).values(age))
    for number in range(3):
        audit.add(c, Entry(actor="a", address="127.0.0.1", action="x", object=str(number)))
    old = utcnow() - timedelta(days=8)
    c.execute(update(rows.audit).where(rows.audit.c.object != "2").values(at=old))


def test_what_opens_nothing_any_more_is_deleted_and_old_entries_too(db: Database) -> None:
    """Sign-ins at once; the audit after ERRAND_AUDIT_DAYS, and never where that is 0."""
    db.write(_fill)

    purge.purge_access(db, audit_days=0)
    kept_for_ever = db.read(_count)
    purge.purge_access(db, audit_days=7)

    assert kept_for_ever == (1, 3)
    assert db.read(_count) == (1, 1)
    assert db.read(logins.find, "fresh", mark=_MARK) is not None
    assert db.read(audit.page, limit=9, before=None)[0].object == "2"


def test_a_sign_in_is_good_for_its_own_token_only(db: Database) -> None:
    """The built-in admin's end with the token they were made under."""
    db.write(_fill)

    assert db.read(logins.find, "fresh", mark="of another") is None
    assert [db.read(logins.find, secret, mark=_MARK) for secret in ("idle", "old", "none")] == [None] * 3
    assert len(db.read(logins.of, None, mark=_MARK)) == 1


def test_many_entries_go_a_part_at_a_time(db: Database) -> None:
    """No transaction holds a lock for long."""
    db.write(_fill)

    assert db.write(audit.delete_old, utcnow(), limit=2)
    assert db.read(_count)[1] == 1
    assert not db.write(audit.delete_old, utcnow(), limit=2)
