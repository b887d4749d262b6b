"""Retention: old conversations go, with their output and their workspaces."""

from datetime import datetime
from pathlib import Path

import structlog

from app.db import retention
from app.db.engine import Database
from app.errors import ErrandError
from app.runner.workspace import remove

log = structlog.get_logger()

#: Directories asked about in one query.
_AT_ONCE = 500


def purge(db: Database, data_dir: Path, *, before: datetime) -> int:
    """Delete all that nobody used since `before`; return how many Sessions that were."""
    gone = 0
    while old := db.read(retention.old_sessions, before):
        for session_id in old:
            while db.write(retention.delete_some, session_id):
                pass
            _remove(data_dir, session_id)
            gone += 1
    db.write(retention.delete_traces, before)
    return gone


def remove_strays(db: Database, data_dir: Path) -> int:
    """Remove directories of Sessions that were deleted elsewhere: each worker host has a disk of its own."""
    folder = data_dir / "sessions"
    names = sorted(entry.name for entry in folder.iterdir()) if folder.is_dir() else []
    gone = 0
    for start in range(0, len(names), _AT_ONCE):
        for name in db.read(retention.unknown, names[start : start + _AT_ONCE]):
            gone += _remove(data_dir, name)
    return gone


def _remove(data_dir: Path, session_id: str) -> bool:
    try:
        remove(data_dir, session_id)
    except ErrandError as error:
        log.warning("workspace_not_removed", session_id=session_id, error=error.message)
        return False
    return True
