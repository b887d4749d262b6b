"""Writing the audit: who asks is taken from the request, what was done is said by the view."""

import re
import secrets
from collections.abc import Callable
from typing import TypeVar

from flask import Flask, Request, Response, g, request

from app.db import audit
from app.db.engine import Connection
from app.domain.access import Entry
from app.security.auth import Identity
from app.web.services import services

T = TypeVar("T")

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}", re.ASCII)


def init_trace(app: Flask) -> None:
    """Give each request an id (a proxy's, where it sent one) that stands in the audit and in the answer."""
    app.before_request(_name)
    app.after_request(_tell)


def address(asked: Request) -> str:
    """Return who is at the other end, for counting and for the audit."""
    return asked.remote_addr or "?"


def entry(action: str, obj: str = "", detail: str = "", *, by: Identity | None) -> Entry:
    """Return an Entry of this request; `by` None is somebody who is not signed in."""
    return Entry(
        actor="-" if by is None else by.name,
        user_id=None if by is None else by.user_id,
        address=address(request)[:64],
        action=action,
        object=obj,
        detail=detail,
        request_id=g.request_id,
    )


def record(written: Entry) -> None:
    """Write down what changed nothing else."""
    services().db.write(audit.add, written)


def recorded(
    work: Callable[[Connection], T],
    action: str,
    about: Callable[[T], tuple[str, str] | None],
    *,
    by: Identity,
) -> T:
    """Do `work` in a transaction and write down that it was done, both or neither.

    `about` says of what it returned the object and the detail; None: nothing is written down. Neither may
    look at the request: under gevent a transaction may run in another thread.
    """
    line = entry(action, by=by)

    def written(done: T) -> Entry | None:
        found = about(done)
        return None if found is None else line.model_copy(update={"object": found[0], "detail": found[1]})

    return services().db.write(audit.along, work, written)


def _name() -> None:
    given = request.headers.get("X-Request-Id", "")
    g.request_id = given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(8)


def _tell(answer: Response) -> Response:
    answer.headers["X-Request-Id"] = g.get("request_id", "")
    return answer
