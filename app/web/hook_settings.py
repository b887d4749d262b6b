"""Generic webhooks, for admins: made, changed, tried, rotated, deleted; and what came to them."""

from datetime import timedelta
from typing import Any

from flask import Response, request
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import ValidationError

from app.clock import rfc3339, utcnow
from app.db import callbacks, webhooks
from app.db.webhooks import Received
from app.domain.webhook import Callback, HookDelivery, Webhook, WebhookSettings
from app.errors import Conflict, Invalid
from app.web import trace
from app.web.access import identity
from app.web.errors import invalid_input
from app.web.hook_schemas import (
    HookDeliveryList,
    HookDeliveryOut,
    HookDeliveryPath,
    HookDeliveryWithBody,
    HookIn,
    HookList,
    HookMade,
    HookOut,
    HookRotated,
    HookRow,
    HookTested,
    NewHook,
    RotateHook,
    TestHook,
)
from app.web.openapi import SECURITY, Answer, problems
from app.web.services import services
from app.webhooks.payload import dedupe_key, read_payload
from app.webhooks.reach import check_url
from app.webhooks.template import check_template, render_message

blueprint = APIBlueprint("hook_settings", __name__, abp_tags=[Tag(name="webhooks")], abp_security=SECURITY)

_CHANGE = (403, 404, 409, 413, 415)
#: Deliveries shown.
_SHOWN = 50


@blueprint.get("/api/webhooks", responses={200: HookList, **problems(403)})
def index() -> Answer:
    """List the webhooks; never a secret."""
    return {"items": [_shown(hook) for hook in services().db.read(webhooks.every)]}


@blueprint.post("/api/webhooks", responses={201: HookMade, **problems(*_CHANGE)})
def create(body: NewHook) -> Answer:
    """Make a webhook. The answer holds its secrets, this once."""
    settings, hooks = _settings(body), services().hooks
    try:
        made, secret, callback = trace.recorded(
            lambda c: hooks.create(c, body.name, settings),
            "webhook made",
            lambda made: (made[0].name, made[0].agent),
            by=identity(),
        )
    except ValidationError as error:
        invalid_input(error)
        raise
    return {**_shown(made), "secret": secret, "callback_secret": callback}, 201


@blueprint.get("/api/webhooks/<name>", responses={200: HookOut, **problems(403, 404)})
def show(path: HookRow) -> Answer:
    """Show one, without its secrets."""
    return _shown(services().db.read(webhooks.get, path.name))


@blueprint.put("/api/webhooks/<name>", responses={200: HookOut, **problems(*_CHANGE)})
def change(path: HookRow, body: HookIn) -> Answer:
    """Replace all of it but its secrets."""
    settings = _settings(body)
    changed = trace.recorded(
        lambda c: webhooks.change(c, path.name, settings),
        "webhook changed",
        lambda hook: (hook.name, "on" if hook.enabled else "off"),
        by=identity(),
    )
    return _shown(changed)


@blueprint.delete("/api/webhooks/<name>", responses={204: None, **problems(*_CHANGE)})
def delete(path: HookRow) -> Answer:
    """Delete it with its deliveries; the tasks it made stay."""
    trace.recorded(
        lambda c: webhooks.remove(c, path.name), "webhook deleted", lambda _: (path.name, ""), by=identity()
    )
    return Response(status=204)


@blueprint.post("/api/webhooks/<name>/rotate", responses={200: HookRotated, **problems(*_CHANGE)})
def rotate(path: HookRow, body: RotateHook) -> Answer:
    """Replace one of its secrets. The answer holds the new one, this once."""
    hooks, until = services().hooks, utcnow() + timedelta(hours=body.keep_hours)
    incoming = body.which == "incoming"
    hook, secret = trace.recorded(
        lambda c: (
            hooks.rotate(c, path.name, until=until) if incoming else hooks.rotate_callback(c, path.name)
        ),
        "webhook rotated",
        lambda made: (made[0].name, body.which),
        by=identity(),
    )
    return {"secret": secret, "previous_until": _time(hook.previous_until)}


@blueprint.post("/api/webhooks/<name>/test", responses={200: HookTested, **problems(*_CHANGE)})
def test(path: HookRow, body: TestHook) -> Answer:
    """Say what a delivery of this payload would do. Nothing is written, nobody works."""
    here = services()
    hook = here.db.read(webhooks.get, path.name)
    sent = body.payload.encode("utf-8", "surrogatepass")
    payload = read_payload(sent, body.content_type)
    template = hook.template if body.template is None else body.template
    rendered = render_message(hook.name, template, payload, room=here.settings.message_limit)
    key, said = dedupe_key(hook.dedupe, payload, request.headers.get, sent)
    known = here.db.read(webhooks.is_known, Received(hook.name, key, said, body.content_type, sent))
    verdict = _verdict(hook, known=known)
    return {"message": rendered.message, "missing": list(rendered.missing), "verdict": verdict}


@blueprint.get("/api/webhooks/<name>/deliveries", responses={200: HookDeliveryList, **problems(403, 404)})
def deliveries(path: HookRow) -> Answer:
    """List what came last, signed, and what became of it."""
    found = services().db.read(webhooks.deliveries, path.name, limit=_SHOWN)
    return {"items": [_delivery(one) for one in found]}


@blueprint.get(
    "/api/webhooks/<name>/deliveries/<uuid:delivery_id>",
    responses={200: HookDeliveryWithBody, **problems(403, 404)},
)
def delivery(path: HookDeliveryPath) -> Answer:
    """Show a delivery with what was sent."""
    found, body = services().db.read(webhooks.body_of, path.name, str(path.delivery_id))
    return {**_delivery(found), "body": body.decode("utf-8", "replace")}


@blueprint.post(
    "/api/webhooks/<name>/deliveries/<uuid:delivery_id>/callback",
    responses={202: HookDeliveryOut, **problems(403, 404, 409)},
)
def tell_again(path: HookDeliveryPath) -> Answer:
    """Tell the end of its task once more, where that was given up: to where the webhook tells now."""
    found, _ = services().db.read(webhooks.body_of, path.name, str(path.delivery_id))
    if found.task_id is None:
        raise Conflict("This delivery has no task whose end could be told.")
    task_id = found.task_id
    told = trace.recorded(
        lambda c: callbacks.send_again(c, path.name, task_id),
        "callback sent again",
        lambda one: (one.task_id, one.webhook),
        by=identity(),
    )
    return _delivery(found.model_copy(update={"callback": told})), 202


def _settings(body: HookIn) -> WebhookSettings:
    """Return what was asked for, checked; raises Invalid with what is wrong."""
    given = {name: getattr(body, name) for name in WebhookSettings.model_fields}
    try:
        settings = WebhookSettings.model_validate(given)
    except ValidationError as error:
        invalid_input(error)
        raise
    check_template(settings.template)
    if "\0" in settings.template:
        raise Invalid("The template contains a NUL character; write text.", reason="template_invalid")
    if settings.callback_url is not None:
        check_url(settings.callback_url, services().settings.callback_hosts)
    return settings


def _verdict(hook: Webhook, *, known: bool) -> str:
    if not hook.enabled:
        return "Refused: the webhook is switched off."
    if known:
        return "Known: the same was delivered before, so that no task would be made."
    return f"A task for {services().agents.resolve(hook.agent).agent.name}."


def _shown(hook: Webhook) -> dict[str, Any]:
    here = services()
    base = (here.settings.public_url or request.host_url).rstrip("/")
    shown = {name: getattr(hook, name) for name in WebhookSettings.model_fields}
    return {
        "name": hook.name,
        "url": f"{base}/webhooks/{hook.name}",
        **shown,
        "readable": here.hooks.readable(hook),
        "previous_until": _time(hook.previous_until),
        "created_at": _time(hook.created_at),
        "updated_at": _time(hook.updated_at),
        "used_at": _time(hook.used_at),
    }


def _delivery(one: HookDelivery) -> dict[str, Any]:
    told = one.callback
    return {
        **one.model_dump(exclude={"callback", "webhook", "received_at"}),
        "received_at": _time(one.received_at),
        "callback": None if told is None else _callback(told),
    }


def _callback(told: Callback) -> dict[str, Any]:
    return {
        "state": told.state,
        "tries": told.tries,
        "next_at": _time(told.next_at),
        "detail": told.detail,
    }


def _time(at: Any) -> str | None:
    return None if at is None else rfc3339(at)
