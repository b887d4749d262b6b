"""Sessions: conversations, with what they cost."""

from typing import Any

from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag

from app.db import attempts, sessions, tasks
from app.db.engine import Connection
from app.domain.task import SessionId
from app.domain.view import session_json, task_json
from app.web import cursor
from app.web.openapi import SECURITY, Answer, problems
from app.web.schemas import PageQuery, SessionPage, SessionPath, SessionWithTasks
from app.web.services import services

blueprint = APIBlueprint("sessions", __name__, abp_tags=[Tag(name="sessions")], abp_security=SECURITY)


@blueprint.get("/api/sessions", responses={200: SessionPage, **problems(400)})
def index(query: PageQuery) -> Answer:
    """List conversations, last used first."""
    before = cursor.decode(query.cursor)
    found = services().db.read(sessions.page, limit=query.limit + 1, before=before)
    shown = found[: query.limit]
    more = len(found) > query.limit
    return {
        "items": [session_json(session) for session in shown],
        "next_cursor": cursor.encode(shown[-1].updated_at, shown[-1].id) if more else None,
    }


@blueprint.get("/api/sessions/<uuid:session_id>", responses={200: SessionWithTasks, **problems(404)})
def show(path: SessionPath) -> Answer:
    """Show a conversation with its tasks in order (the newest, where they are many) and what all cost."""
    return services().db.read(_with_tasks, SessionId(str(path.session_id)))


def _with_tasks(c: Connection, session_id: SessionId) -> dict[str, Any]:
    session = sessions.get(c, session_id)
    found = tasks.of_session(c, session_id)
    runs = attempts.by_task(c, [task.id for task in found.items])
    return {
        **session_json(session),
        "tasks": [task_json(task, runs[task.id]) for task in found.items],
        "earlier_tasks": found.more,
    }
