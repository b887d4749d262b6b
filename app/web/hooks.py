"""POST /webhooks/NAME: a signed body becomes a Task, once."""

import structlog
from flask import Request, request
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from werkzeug.exceptions import RequestEntityTooLarge

from app.db import audit, tasks, webhooks
from app.db.engine import Connection
from app.db.tasks import NewTask
from app.db.webhooks import Received
from app.domain.access import Entry
from app.domain.task import Task, TaskId
from app.domain.webhook import HookVerdict, Webhook
from app.errors import ErrandError, Unavailable
from app.security.crypto import Unreadable
from app.web import chat, rates, trace
from app.web.access import the_rates
from app.web.hook_schemas import HookAccepted, HookPath
from app.web.openapi import Answer, problems
from app.web.services import services
from app.webhooks.errors import HookDisabled, NotSigned
from app.webhooks.payload import LARGEST, dedupe_key, read_payload
from app.webhooks.signing import verify
from app.webhooks.template import render_message

log = structlog.get_logger()

blueprint = APIBlueprint("hooks", __name__, abp_tags=[Tag(name="webhooks")])


@blueprint.post(
    "/webhooks/<name>",
    responses={200: HookAccepted, 202: HookAccepted, **problems(401, 403, 413, 415)},
    security=[{}],
)
def receive(path: HookPath) -> Answer:
    """Take a signed body. An unknown name and a wrong signature get the same answer: names are not told."""
    the_rates().take(rates.WEBHOOKS, trace.address(request))
    body = _body(request)
    hook = _verified(path.name, body)
    received = Received(hook.name, "", said=False, content_type=request.content_type or "", body=body)
    try:
        task_id, fresh = _taken(hook, received)
    except Unavailable:
        raise  # nothing was decided; the sender asks again
    except ErrandError as refused:
        _keep_refused(hook, received, refused)
        raise
    return {"task_id": task_id, "known": not fresh}, 202 if fresh else 200


def _body(asked: Request) -> bytes:
    asked.max_content_length = LARGEST + 1
    body = asked.get_data()
    # Of a body of unknown length Werkzeug reads this much and cuts the rest off in silence.
    if len(body) > LARGEST:
        raise RequestEntityTooLarge
    return body


def _verified(name: str, body: bytes) -> Webhook:
    here = services()
    hook = here.db.read(webhooks.find, name)
    try:
        known = here.hooks.nobodys_secrets() if hook is None else here.hooks.secrets(hook)
    except Unreadable:
        log.warning("webhook_unreadable", webhook=name)
        known = here.hooks.nobodys_secrets()
    verify(body, request.headers.get, known, bearer=hook is None or hook.bearer)
    if hook is None:
        raise NotSigned
    return hook


def _taken(hook: Webhook, received: Received) -> tuple[TaskId | None, bool]:
    if not hook.enabled:
        raise HookDisabled
    payload = read_payload(received.body, received.content_type)
    key, said = dedupe_key(hook.dedupe, payload, request.headers.get, received.body)
    new = _new_task(hook, payload)
    line = trace.entry("task made", by=None).model_copy(update={"actor": f"webhook {hook.name}"})
    here, made = services(), list[Task]()
    counted = Received(hook.name, key, said, received.content_type, received.body)

    def make(c: Connection) -> Task:
        task = tasks.create(c, new)
        audit.add(c, _about(line, task))
        made[:] = [task]
        return task

    hourly = _count(hook.name)
    task_id, fresh = here.db.write(webhooks.take, counted, make)
    if fresh:
        chat.tell(made[0])
    elif hourly:
        the_rates().give_back(*hourly)
    return task_id, fresh


def _about(line: Entry, task: Task) -> Entry:
    return line.model_copy(update={"object": task.id, "detail": task.agent})


def _count(name: str) -> tuple[rates.Rate, str] | None:
    """Count one more Task of this webhook; return what to give back where there was none."""
    hourly = services().settings.tasks_per_hour
    if not hourly:
        return None
    counted = (rates.per_hour(hourly), f"webhook {name}")
    the_rates().take(*counted)
    return counted


def _new_task(hook: Webhook, payload: object) -> NewTask:
    here = services()
    limit = here.settings.message_limit
    message = render_message(hook.name, hook.template, payload, room=limit).message
    chat.check_message(message, limit)
    resolved = here.agents.resolve(hook.agent)
    return NewTask(
        message=message,
        agent=resolved.agent.name,
        cli=resolved.agent.cli,
        max_attempts=here.settings.max_attempts,
        queue_limit=here.settings.queue_limit,
        from_outside=True,
        notices=() if resolved.notice is None else (resolved.notice,),
    )


def _keep_refused(hook: Webhook, received: Received, refused: ErrandError) -> None:
    """Write down why, for the list of deliveries; the refusal stands whether that works or not."""
    log.info("webhook_refused", webhook=hook.name, reason=refused.code)
    try:
        services().db.write(webhooks.keep, received, HookVerdict.REFUSED, refused.message)
    except ErrandError:
        log.warning("webhook_refusal_not_kept", webhook=hook.name)
