"""Tasks: list, look, read what they printed, stop, run again."""

from collections.abc import Callable, Iterator
from typing import Any

import orjson
from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag

from app.db import attempts, events, ledger, tasks, turns
from app.db.engine import Connection, Database
from app.domain.task import Task, TaskId
from app.domain.view import task_json
from app.errors import NotFound
from app.web import cursor, trace
from app.web.access import identity
from app.web.chat import tell
from app.web.openapi import SECURITY, Answer, problems
from app.web.origin import origin_of
from app.web.schemas import (
    EventPage,
    EventsQuery,
    OutputQuery,
    TaskPage,
    TaskPath,
    TasksQuery,
    TaskWithLedger,
)
from app.web.services import services

blueprint = APIBlueprint("tasks", __name__, abp_tags=[Tag(name="tasks")], abp_security=SECURITY)

#: Bytes of output read from the database at once.
PIECE = 1024 * 1024


_CHANGE = problems(403, 404, 409)


@blueprint.get("/api/tasks", responses={200: TaskPage, **problems(400)})
def index(query: TasksQuery) -> Answer:
    """List tasks, newest first."""
    return services().db.read(_page, query)


@blueprint.get("/api/tasks/<uuid:task_id>", responses={200: TaskWithLedger, **problems(404)})
def show(path: TaskPath) -> Answer:
    """Show a task with its attempts, cost, tokens and result."""
    return _shown(TaskId(str(path.task_id)))


@blueprint.get("/api/tasks/<uuid:task_id>/events", responses={200: EventPage, **problems(400, 404)})
def task_events(path: TaskPath, query: EventsQuery) -> Answer:
    """Read what the task's attempts printed, event by event, after a seq."""
    content = services().db.read(_events, TaskId(str(path.task_id)), query)
    return Response(orjson.dumps(content), content_type="application/json")


@blueprint.get(
    "/api/tasks/<uuid:task_id>/output",
    responses={
        200: {
            "description": "What the CLI wrote to stdout, byte for byte (after redaction).",
            "content": {"text/plain": {"schema": {"type": "string"}}},
        },
        **problems(400, 404),
    },
)
def output(path: TaskPath, query: OutputQuery) -> Answer:
    """Read the bytes the CLI printed, of all attempts in order or of one."""
    here, task_id = services(), TaskId(str(path.task_id))
    parts = here.db.read(_output_parts, task_id, query.attempt)
    answer = Response(_output(here.db, task_id, parts), content_type="text/plain; charset=utf-8")
    # A reader whose connection breaks in the middle can tell.
    answer.content_length = sum(size for _, size in parts)
    return answer


@blueprint.post("/api/tasks/<uuid:task_id>/cancel", responses={202: TaskWithLedger, **_CHANGE})
def cancel(path: TaskPath) -> Answer:
    """Stop a task: a queued one at once, a running one as soon as its worker hears of it."""
    here, task_id = services(), TaskId(str(path.task_id))
    task = _recorded("task cancelled", tasks.cancel, task_id)
    here.publisher.publish_task(task)
    if task.state.final:
        # It may have been what the rest of its conversation waited for.
        following = here.db.read(tasks.next_in_session, task.session_id)
        if following is not None:
            here.bell.ring(following)
    return _shown(task_id), 202


@blueprint.post("/api/tasks/<uuid:task_id>/retry", responses={202: TaskWithLedger, **_CHANGE})
def retry(path: TaskPath) -> Answer:
    """Run a finished task again; its earlier output stays."""
    task_id = TaskId(str(path.task_id))
    tell(_recorded("task retried", tasks.retry, task_id))
    return _shown(task_id), 202


@blueprint.post("/api/tasks/<uuid:task_id>/reply", responses={202: TaskWithLedger, **_CHANGE})
def reply(path: TaskPath) -> Answer:
    """Send the answer to GitHub again that could not be sent; 409 where there is nothing to send again."""
    task_id = TaskId(str(path.task_id))

    _recorded("answer sent again", _sent_again, task_id)
    return _shown(task_id), 202


def _recorded(action: str, verb: Callable[[Connection, TaskId], Task], task_id: TaskId) -> Task:
    return trace.recorded(
        lambda c: verb(c, task_id), action, lambda task: (task.id, task.agent), by=identity()
    )


def _sent_again(c: Connection, task_id: TaskId) -> Task:
    task = tasks.get(c, task_id)
    turns.send_again(c, task_id)
    return task


def _page(c: Connection, query: TasksQuery) -> dict[str, Any]:
    found = tasks.page(
        c,
        state=query.state,
        session_id=None if query.session_id is None else str(query.session_id),
        agent=query.agent,
        limit=query.limit,
        before=cursor.decode(query.cursor),
    )
    runs = attempts.by_task(c, [task.id for task in found.items])
    last = found.items[-1] if found.more else None
    return {
        "items": [task_json(task, runs[task.id]) for task in found.items],
        "next_cursor": cursor.encode(last.created_at, last.id) if last else None,
    }


def _shown(task_id: TaskId) -> dict[str, Any]:
    here = services()
    return here.db.read(_task, task_id, here.settings.github_server_url)


def _task(c: Connection, task_id: TaskId, server: str) -> dict[str, Any]:
    task = task_json(tasks.get(c, task_id), tasks.attempts_of(c, task_id))
    origin = origin_of(c, task_id, server)
    return {**task, "ignored": ledger.ignored_of(c, task_id), "origin": origin}


def _events(c: Connection, task_id: TaskId, query: EventsQuery) -> dict[str, Any]:
    found = events.read(c, task_id, after=query.after, limit=query.limit)
    # Asked second, so that it is never older than the Events.
    last_seq, state = events.last_seq(c, task_id)
    return {"events": found, "last_seq": last_seq, "state": state}


def _output_parts(c: Connection, task_id: TaskId, attempt: int | None) -> list[tuple[int, int]]:
    """Return (attempt, bytes) to send; the bytes stored now, so that the length is known."""
    numbers = [one.number for one in tasks.attempts_of(c, tasks.get(c, task_id).id)]
    if attempt is not None and attempt not in numbers:
        raise NotFound(f"The task has no attempt {attempt}.")
    return [part for part in events.output_attempts(c, task_id) if attempt in {None, part[0]}]


def _output(db: Database, task_id: TaskId, parts: list[tuple[int, int]]) -> Iterator[bytes]:
    for attempt, size in parts:
        start = 0
        while start < size:
            piece = db.read(events.read_output, task_id, attempt=attempt, start=start, max_bytes=PIECE)
            if not piece:
                return  # deleted meanwhile; the length tells
            yield piece[: size - start]
            start += len(piece)
