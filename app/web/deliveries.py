"""The inspector: each webhook with its verdict in words, to be delivered again or tried without effect."""

from typing import TYPE_CHECKING, Any

import orjson
from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag

from app.clock import rfc3339
from app.db import deliveries, replies
from app.domain.delivery import Recorded
from app.github.delivery import read_delivery
from app.github.errors import BadPayload
from app.web import cursor, trace
from app.web.access import identity
from app.web.delivery_schemas import (
    DeliveriesQuery,
    DeliveryOut,
    DeliveryPage,
    DeliveryPath,
    DryRun,
    DryRunOut,
)
from app.web.openapi import SECURITY, Answer, problems
from app.web.origin import reply_json
from app.web.services import services
from app.web.webhooks import ring

if TYPE_CHECKING:
    from app.github.intake import Intake

blueprint = APIBlueprint("deliveries", __name__, abp_tags=[Tag(name="webhooks")], abp_security=SECURITY)

_TIMES = ("received_at", "not_before", "done_at")


@blueprint.get("/api/deliveries", responses={200: DeliveryPage, **problems(400, 403)})
def index(query: DeliveriesQuery) -> Answer:
    """List webhooks, newest first, each with what became of it and why."""
    found = services().db.read(
        deliveries.page,
        limit=query.limit + 1,
        before=cursor.decode(query.cursor, known=str),
        verdict=query.verdict,
        repository=query.repository,
        source=query.source,
    )
    page, more = found[: query.limit], len(found) > query.limit
    following = cursor.encode(page[-1].received_at, page[-1].id) if more else None
    return {"items": _shown(page), "next_cursor": following}


@blueprint.get("/api/deliveries/<delivery_id>", responses={200: DeliveryOut, **problems(403, 404)})
def show(path: DeliveryPath) -> Answer:
    """Show one webhook."""
    return _shown([services().db.read(deliveries.get, path.delivery_id)])[0]


@blueprint.get(
    "/api/deliveries/<delivery_id>/payload",
    responses={
        200: {
            "description": "The body, byte for byte.",
            "content": {"text/plain": {"schema": {"type": "string"}}},
        },
        **problems(403, 404),
    },
)
def payload(path: DeliveryPath) -> Answer:
    """Return the bytes as received; as text, whatever they are, so that no browser makes a page of them."""
    body = services().db.read(deliveries.body, path.delivery_id)
    return Response(body, content_type="text/plain; charset=utf-8")


@blueprint.post(
    "/api/deliveries/<delivery_id>/redeliver", responses={202: DeliveryOut, **problems(403, 404, 409)}
)
def redeliver(path: DeliveryPath) -> Answer:
    """Decide on a webhook anew that led to nothing; 409 for one that led to something."""
    again = trace.recorded(
        lambda c: deliveries.take_again(c, path.delivery_id),
        "delivery taken again",
        lambda row: (row.id, row.event),
        by=identity(),
    )
    ring(again.id)
    return _shown([again])[0], 202


@blueprint.post("/api/deliveries/dry-run", responses={200: DryRunOut, **problems(400, 403, 502)})
def dry_run(body: DryRun) -> Answer:
    """Say what would become of a payload now. GitHub is asked as always; nothing is written or posted."""
    try:
        sent = orjson.dumps(body.payload)
    except orjson.JSONEncodeError:
        # It reads a thousand levels, and writes a quarter of them.
        raise BadPayload("The JSON is nested too deep.") from None
    delivery = read_delivery(
        delivery_id="dry-run", event=body.event, content_type="application/json", body=sent
    )
    would = _intake().would(delivery)
    return {"verdict": would.verdict, "code": would.code, "reason": would.reason}


def _shown(rows: list[Recorded]) -> list[dict[str, Any]]:
    here = services()
    answers = here.db.read(replies.of_deliveries, [row.id for row in rows])
    server = here.settings.github_server_url
    told = {delivery_id: reply_json(reply, server) for delivery_id, reply in answers.items()}
    return [{**_delivery(row), "reply": told.get(row.id)} for row in rows]


def _delivery(row: Recorded) -> dict[str, Any]:
    known = row.model_dump(exclude={"content_type", "object_key"})
    times = {name: known[name] and rfc3339(known[name]) for name in _TIMES}
    return {**known, **times}


def _intake() -> "Intake":
    # What asks GitHub is some 20 MB that a web process does without until it is needed.
    from app.github.intake import Intake  # noqa: PLC0415

    here = services()
    return Intake(here.settings, db=here.db, agents=here.agents, bell=here.bell, publisher=here.publisher)
