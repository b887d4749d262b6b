"""Retention: old conversations go, with their output and their workspaces."""

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from math import inf
from pathlib import Path

import structlog

from app.clock import utcnow
from app.db import audit, callbacks, deliveries, logins, retention, webhooks
from app.db.engine import Database
from app.errors import ErrandError
from app.runner.workspace import remove

log = structlog.get_logger()

#: A request sent again after this long is another one; a worker that was gone for so long has another name.
TRACES_KEPT = timedelta(days=7)
#: Seconds between two transactions: SQLite's waiters sleep, and would find it taken each time they look.
SHORTEST_PAUSE = 0.05
#: Directories asked about in one query.
_AT_ONCE = 500


def purge(db: Database, data_dir: Path, *, before: datetime) -> int:
    """Delete all that nobody used since `before`; return how many Sessions that were."""
    gone = 0
    while old := db.write(retention.take_old, before):
        _while_more(partial(db.write, retention.delete_some, old))
        for session_id in old:
            _remove(data_dir, session_id)
        gone += len(old)
    if gone:
        _while_more(partial(db.write, retention.give_back))
    return gone


def _while_more(step: Callable[[], bool]) -> None:
    """Do one small transaction after the other, and leave as much time to everybody else in between."""
    while True:
        began = time.monotonic()
        if not step():
            return
        time.sleep(max(SHORTEST_PAUSE, time.monotonic() - began))


def purge_traces(db: Database) -> None:
    """Forget what serves nobody after a while: Idempotency-Keys, gone Machines, deliveries of webhooks."""
    now = utcnow()
    db.write(retention.delete_traces, now - TRACES_KEPT)
    _while_more(partial(db.write, webhooks.delete_old_deliveries, now - webhooks.KEPT))
    _while_more(partial(db.write, callbacks.delete_old, now - webhooks.KEPT))


def purge_access(db: Database, *, audit_days: int) -> None:
    """Forget sign-ins that have ended, and entries of the audit older than that (0: none)."""
    now = utcnow()
    db.write(logins.delete_old, now)
    if audit_days:
        _while_more(partial(db.write, audit.delete_old, now - timedelta(days=audit_days)))


def purge_deliveries(db: Database, *, days: int) -> None:
    """Delete webhooks' deliveries of before; 0 days: none."""
    if days:
        before = utcnow() - timedelta(days=days)
        _while_more(lambda: db.write(deliveries.delete_old, before))


def remove_strays(db: Database, data_dir: Path, *, before: datetime) -> int:
    """Remove what no Session in the database has, and nobody used since `before`; return how many.

    Each worker host has a disk of its own, and Sessions are deleted elsewhere. The age is asked for because
    a data dir may be looked at with another database than usual.
    """
    folder = data_dir / "sessions"
    names = sorted(entry.name for entry in folder.iterdir()) if folder.is_dir() else []
    names = [name for name in names if _used(folder / name) < before.timestamp()]
    gone = 0
    for start in range(0, len(names), _AT_ONCE):
        for name in db.read(retention.unknown, names[start : start + _AT_ONCE]):
            gone += _remove(data_dir, name)
    return gone


def _used(session: Path) -> float:
    """Return when its directories were last written to; each run writes to all of them."""
    times = []
    for directory in (session, *(session / name for name in ("home", "workspace", "tmp"))):
        with suppress(OSError):
            times.append(directory.lstat().st_mtime)
    return max(times, default=inf)


def _remove(data_dir: Path, session_id: str) -> bool:
    try:
        remove(data_dir, session_id)
    except ErrandError as error:
        log.warning("workspace_not_removed", session_id=session_id, error=error.message)
        return False
    return True
