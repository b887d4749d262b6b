"""The door for GitHub's webhooks: verified, kept as they came, answered at once. What they ask is a job's."""

from typing import Any

import structlog
from flask import request
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from werkzeug.exceptions import RequestEntityTooLarge

from app.clock import utcnow
from app.db import deliveries
from app.domain.delivery import DeliveryState, Recorded, Verdict
from app.domain.trigger import Ignored
from app.errors import Unauthorized, Unavailable
from app.github.delivery import Delivery, read_delivery
from app.github.json_body import LARGEST
from app.github.rules import Rules
from app.github.signature import verify
from app.github.triggers import READ, read_trigger
from app.web import rates, trace
from app.web.access import the_rates
from app.web.delivery_schemas import DeliveryTaken
from app.web.openapi import Answer, problems
from app.web.services import services

log = structlog.get_logger()

blueprint = APIBlueprint("webhooks", __name__, abp_tags=[Tag(name="webhooks")])

SOURCE = "github"
_PIECE = 1024 * 1024
_ANSWERS = {200: DeliveryTaken, 202: DeliveryTaken, **problems(400, 401, 413, 415, 429, 503)}


@blueprint.post("/webhooks/github", responses=_ANSWERS, security=[{}])
def github() -> Answer:
    """Take a delivery: 202 where somebody will look at it, 200 where it is known or asks for nothing.

    Stored before it is answered: where that can't be done it is 503, so that GitHub shows it as failed and
    it can be delivered again.
    """
    body = _verified()
    delivery = read_delivery(
        delivery_id=request.headers.get("X-GitHub-Delivery"),
        event=request.headers.get("X-GitHub-Event"),
        content_type=request.content_type or "",
        body=body,
    )
    new = recorded(delivery, content_type=request.content_type or "")
    fresh = services().db.write(deliveries.record, new, body)
    if fresh and new.state is DeliveryState.RECEIVED:
        ring(new.id)
        return _taken(new.id, "received", "It was kept, and is looked at now."), 202
    if fresh:
        return _taken(new.id, str(new.verdict), new.reason), 200
    return _taken(new.id, "known", "This delivery came before; nothing is done a second time."), 200


def ring(delivery_id: str) -> None:
    """Tell control of a Delivery that was committed as rung for; if nobody hears it, the rescuer rings."""
    here = services()
    if here.bell.deliver(delivery_id):
        return
    try:
        here.db.write(deliveries.unmark, delivery_id)
    except Unavailable:
        log.warning("ring_not_unmarked", delivery_id=delivery_id)  # it is rung once more a little later


def recorded(delivery: Delivery, *, content_type: str) -> Recorded:
    """Return the row of a Delivery; one that nothing can be asked with is decided already."""
    row = Recorded(
        id=f"{SOURCE}:{delivery.id}",
        source=SOURCE,
        event=delivery.event,
        action=_plain(delivery.action, 64),
        repository=_plain(delivery.repository.full_name if delivery.repository else None, 200),
        sender=_plain(delivery.sender.login if delivery.sender else None, 100),
        received_at=utcnow(),
        content_type=content_type[:100],
    )
    read = None if delivery.name in READ else read_trigger(delivery, Rules())
    if not isinstance(read, Ignored):
        return row
    ended = {"state": DeliveryState.DONE, "verdict": Verdict.IGNORED, "done_at": row.received_at}
    return row.model_copy(update={**ended, "code": read.code, "reason": _plain(read.reason, 500)})


def _verified() -> bytes:
    """Return the body that GitHub signed. Who signs rightly is never refused for coming often.

    GitHub does not deliver again by itself; whoever can't sign is counted.
    """
    secrets = services().settings.webhook_secrets()
    try:
        # An absent secret is found before anything is read.
        body = _body() if secrets else b""
        verify(body, request.headers.get("X-Hub-Signature-256"), secrets)
    except (Unauthorized, Unavailable):
        the_rates().take(rates.WEBHOOKS, trace.address(request))
        raise
    return body


def _body() -> bytes:
    request.max_content_length = LARGEST + 1
    if (request.content_length or 0) > LARGEST:
        raise RequestEntityTooLarge
    # Of a body of unknown length this much is read at most, and the rest is cut off in silence. In pieces,
    # which are not put together where they are too many.
    pieces: list[bytes] = []
    while piece := request.stream.read(_PIECE):
        pieces.append(piece)
        if sum(map(len, pieces)) > LARGEST:
            raise RequestEntityTooLarge
    return b"".join(pieces)


def _plain(text: str | None, most: int) -> str | None:
    """Return what every database stores: Postgres takes no NUL."""
    return None if text is None else text.replace("\0", "�")[:most]


def _taken(delivery_id: str, verdict: str, reason: str) -> dict[str, Any]:
    return {"delivery_id": delivery_id, "verdict": verdict, "reason": reason}
