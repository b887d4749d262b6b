"""The audit, for admins: who did what, newest first."""

from typing import Any

from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag

from app.clock import rfc3339
from app.db import audit
from app.domain.access import Recorded
from app.web import cursor
from app.web.access_schemas import AuditPage, AuditQuery
from app.web.openapi import SECURITY, Answer, problems
from app.web.services import services

blueprint = APIBlueprint("audit", __name__, abp_tags=[Tag(name="audit")], abp_security=SECURITY)


@blueprint.get("/api/audit", responses={200: AuditPage, **problems(400, 403)})
def index(query: AuditQuery) -> Answer:
    """List who did what, newest first."""
    before = cursor.decode(query.cursor)
    found = services().db.read(
        audit.page, limit=query.limit + 1, before=before, action=query.action, actor=query.actor
    )
    shown = found[: query.limit]
    more = len(found) > query.limit
    return {
        "items": [_entry(one) for one in shown],
        "next_cursor": cursor.encode(shown[-1].at, shown[-1].id) if more else None,
    }


def _entry(one: Recorded) -> dict[str, Any]:
    return {**one.model_dump(), "at": rfc3339(one.at)}
