"""POST /api/chat: a message becomes a Task. The row is committed first; then the bell is rung."""

import hashlib
import uuid

import orjson
import structlog
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag

from app.clock import utcnow
from app.db import doorbells, idempotency, sessions, tasks
from app.db.engine import Connection
from app.db.tasks import NewTask
from app.domain.task import SessionId, Task
from app.errors import Invalid, NotFound, TooLarge, Unavailable
from app.security.auth import Identity
from app.web import rates, trace
from app.web.access import identity, the_rates
from app.web.openapi import SECURITY, Answer, problems
from app.web.schemas import Accepted, ChatHeaders, ChatRequest
from app.web.services import services

log = structlog.get_logger()

blueprint = APIBlueprint("chat", __name__, abp_tags=[Tag(name="tasks")], abp_security=SECURITY)


@blueprint.post("/api/chat", responses={202: Accepted, **problems(400, 403, 404, 409, 413, 415, 429)})
def create(header: ChatHeaders, body: ChatRequest) -> Answer:
    """Ask an agent for something; the answer comes over the WebSocket and stays in the task."""
    check_message(body.message, services().settings.message_limit)
    _count(identity())
    task, fresh = _stored(_new_task(body), header.idempotency_key, fingerprint(body))
    if fresh:
        tell(task)
    accepted = {
        "task_id": task.id,
        "session_id": task.session_id,
        "state": task.state,
        "ws": f"/ws/tasks/{task.id}",
    }
    return accepted, 202, {"Location": f"/api/tasks/{task.id}"}


def _stored(new: NewTask, key: str | None, print_: str) -> tuple[Task, bool]:
    """Return (the Task, whether it is new), committed with its line in the audit."""

    def make(c: Connection) -> tuple[Task, bool]:
        if key is None:
            return tasks.create(c, new), True
        return idempotency.once(c, key, print_, lambda c: tasks.create(c, new))

    def about(made: tuple[Task, bool]) -> tuple[str, str] | None:
        task, fresh = made
        return (task.id, task.agent) if fresh else None

    return trace.recorded(make, "task made", about, by=identity())


def _count(who: Identity) -> None:
    """Raise TooMany for who makes too many; the machine's owner is not counted."""
    if who.built_in:
        return
    the_rates().take(rates.CREATE, who.key)
    hourly = services().settings.tasks_per_hour
    if hourly:
        the_rates().take(rates.per_hour(hourly), who.key)


def check_message(message: str, limit: int) -> None:
    """Raise unless an agent can be asked this."""
    if not message.strip():
        raise Invalid("The message is empty; write what the agent should do.", reason="message_empty")
    if "\0" in message:
        raise Invalid("The message contains a NUL character; send text.", reason="message_nul")
    size = len(message.encode())
    if size > limit:
        raise TooLarge(f"The message has {size} bytes; at most {limit} are taken (ERRAND_MESSAGE_LIMIT).")


def fingerprint(body: ChatRequest) -> str:
    """Return what two requests with one Idempotency-Key must share."""
    return hashlib.sha256(orjson.dumps([body.message, body.agent, body.session_id])).hexdigest()


def tell(task: Task) -> None:
    """Tell workers and Viewers of a Task committed as queued; if nobody hears it, the rescuer rings."""
    here = services()
    if task.hold is not None:
        # Its Session's running Task rings when it ends: both write the Session's row, one after the other,
        # so that either this Task saw the other finished or the other sees this one waiting.
        here.publisher.publish_task(task)
        return
    if not here.bell.ring(task.id):
        return  # no Redis, no echo either: asking a second time would only cost the client time
    here.publisher.publish_task(task)
    try:
        here.db.write(doorbells.mark_rung, [task.id], utcnow())
    except Unavailable:
        log.warning("ring_not_marked", task_id=task.id)  # it is rung once more, which harms nobody


def _new_task(body: ChatRequest) -> NewTask:
    here = services()
    session_id = None if body.session_id is None else _session_id(body.session_id)
    wanted = body.agent
    if wanted is None and session_id is not None:
        wanted = here.db.read(sessions.get, session_id).agent
    resolved = here.agents.resolve(wanted)
    return NewTask(
        message=body.message,
        agent=resolved.agent.name,
        cli=resolved.agent.cli,
        max_attempts=here.settings.max_attempts,
        queue_limit=here.settings.queue_limit,
        session_id=session_id,
        notices=() if resolved.notice is None else (resolved.notice,),
    )


def _session_id(text: str) -> SessionId:
    try:
        return SessionId(str(uuid.UUID(text)))
    except ValueError:
        raise NotFound("There is no such session; leave session_id out to begin one.") from None
