"""Sessions: read them back, newest first."""

from datetime import datetime

from sqlalchemy import Connection, and_, or_, select

from app.db.rows import sessions, tasks
from app.domain.session import Session
from app.domain.task import SessionId, TaskId
from app.errors import NotFound

_FIELDS = ("id", "title", "agent", "created_at", "updated_at", "cost_usd", "cli_session_id", "cli_cost_usd")


def get(c: Connection, session_id: SessionId) -> Session:
    """Return the Session with the ids of its Tasks; raises NotFound."""
    row = c.execute(select(sessions).where(sessions.c.id == session_id, ~sessions.c.going)).first()
    if row is None:
        raise NotFound(f"There is no session {session_id}.")
    ids = c.execute(
        select(tasks.c.id).where(tasks.c.session_id == session_id).order_by(tasks.c.position)
    ).scalars()
    return Session(**{name: getattr(row, name) for name in _FIELDS}, task_ids=tuple(map(TaskId, ids)))


def page(c: Connection, *, limit: int = 50, before: tuple[datetime, str] | None = None) -> list[Session]:
    """Return up to `limit` Sessions, last used first, without the ids of their Tasks."""
    query = (
        select(sessions)
        .where(~sessions.c.going)
        .order_by(sessions.c.updated_at.desc(), sessions.c.id.desc())
        .limit(limit)
    )
    if before is not None:
        at, session_id = before
        query = query.where(
            or_(sessions.c.updated_at < at, and_(sessions.c.updated_at == at, sessions.c.id < session_id))
        )
    return [Session(**{name: getattr(row, name) for name in _FIELDS}) for row in c.execute(query)]
