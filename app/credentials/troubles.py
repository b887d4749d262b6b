"""What is wrong with Credentials now: a sentence each, for the page, without any value."""

from collections.abc import Iterator

from app.clock import rfc3339, utcnow
from app.credentials.safe import Safe
from app.db import credentials
from app.db.engine import Database
from app.domain.credential import Credential, CredentialState
from app.domain.reason import Reason, sentence

_WITHIN = {"7d": "7 days", "1d": "a day", "1h": "an hour"}


def troubles(db: Database, safe: Safe, *, renewed: bool) -> list[str]:
    """Return what has to be mended, and what ends soon; raises Unavailable.

    `renewed` is whether control gets new tokens for sign-ins.
    """
    rows, waiting = db.read(lambda c: (credentials.all_of(c), credentials.awaited(c)))
    found = [said for row in rows for said in _said(row, safe, waiting.get(row.name, 0), renewed=renewed)]
    known = {row.name for row in rows}
    missing = [name for name in sorted(waiting) if name not in known and ":" not in name]
    return found + [_with(sentence(Reason.CREDENTIAL_MISSING, detail=repr(n)), waiting[n]) for n in missing]


def _said(row: Credential, safe: Safe, waiting: int, *, renewed: bool) -> Iterator[str]:
    state = row.stands(utcnow())
    if not safe.readable(row):
        yield _with(sentence(Reason.CREDENTIAL_UNREADABLE, detail=repr(row.name)), waiting)
    elif state is CredentialState.REFUSED:
        yield _with(row.detail, waiting)
    elif state is CredentialState.EXPIRED:
        yield _with(sentence(Reason.CREDENTIAL_EXPIRED, detail=repr(row.name)), waiting)
    elif (within := row.warning(utcnow(), renewed=renewed)) is not None and row.expires_at is not None:
        ends = rfc3339(row.expires_at)[:16]
        yield f"The credential {row.name!r} ends within {_WITHIN[within]} ({ends}Z). Store a new value."


def _with(text: str, waiting: int) -> str:
    if not waiting:
        return text
    return f"{text} {waiting} {'task waits' if waiting == 1 else 'tasks wait'} for it."
