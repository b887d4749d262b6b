"""The one place where an error becomes an answer: RFC 9457 problem+json for programs, a page for people."""

from collections.abc import Mapping
from http import HTTPStatus

import orjson
import structlog
from flask import Flask, Request, Response, render_template, request
from pydantic import ValidationError
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from app.errors import (
    Conflict,
    ErrandError,
    Forbidden,
    Invalid,
    LeaseLost,
    NotFound,
    SchemaMismatch,
    TooLarge,
    TooMany,
    Unauthorized,
    Unavailable,
)
from app.github.api_errors import GitHubError
from app.github.errors import UnsupportedType
from app.webhooks.errors import WrongType

log = structlog.get_logger()

STATUSES: dict[type[ErrandError], int] = {
    UnsupportedType: 415,
    GitHubError: 502,
    Invalid: 400,
    Unauthorized: 401,
    Forbidden: 403,
    NotFound: 404,
    Conflict: 409,
    LeaseLost: 409,
    TooLarge: 413,
    WrongType: 415,
    TooMany: 429,
    SchemaMismatch: 503,
    Unavailable: 503,
    ErrandError: 500,
}

#: What programs talk to: there an error is always problem+json.
PROGRAMS = ("/api", "/webhooks", "/ws", "/healthz", "/readyz")

#: For what Flask itself refuses: the reason, and a sentence that says what to do.
_REFUSALS: dict[int, tuple[str, str]] = {
    400: ("invalid", "The request cannot be understood."),
    404: ("not_found", "There is nothing at this address. docs/api.md lists the addresses there are."),
    405: (
        "method_not_allowed",
        "This address does not take this method; the header Allow says which it takes.",
    ),
    408: ("request_timeout", "The request took too long to arrive."),
    413: ("too_large", "The request is too large."),
    414: ("too_large", "The address is too long."),
    415: ("unsupported_media_type", "Send JSON, with the header Content-Type: application/json."),
    416: ("range_not_satisfiable", "This range is not in the answer."),
    431: ("too_large", "The headers are too large."),
}

#: What is too large is read to its end up to here: its sender would see a broken pipe, not the answer.
_DRAINED = 32 * 1024 * 1024
#: Seconds that such a sender may be silent: one that waits for the answer first would wait for ever.
_SILENCE = 1.0


def init_errors(app: Flask) -> None:
    """Let `app` answer every error in one way."""
    app.register_error_handler(ErrandError, _refuse)
    app.register_error_handler(HTTPException, _refuse_http)
    app.register_error_handler(Exception, _fail)


def status_of(error: ErrandError) -> int:
    """Return the HTTP status for `error`."""
    return next(STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES)


def invalid_input(error: ValidationError) -> Response:
    """Say what is wrong with a query, a header or a body; raises Invalid and never returns."""
    found = [
        f"{'.'.join(map(str, one['loc'])) or 'body'}: {one['msg'].removeprefix('Value error, ')}"
        for one in error.errors(include_url=False, include_input=False)
    ]
    raise Invalid("; ".join(found) + ".") from None


def is_for_programs(asked: Request) -> bool:
    """Whether who asks is a program, by the address."""
    return any(asked.path == prefix or asked.path.startswith(f"{prefix}/") for prefix in PROGRAMS)


def problem(status: int, reason: str, detail: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return an RFC 9457 answer."""
    content = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "reason": reason,
    }
    answer = Response(orjson.dumps(content), status=status, content_type="application/problem+json")
    answer.headers.update(headers or {})
    return answer


def _refuse(error: ErrandError) -> Response:
    status = status_of(error)
    headers = {}
    if error.retry_after is not None:
        headers["Retry-After"] = str(max(1, round(error.retry_after)))
    if isinstance(error, Unauthorized):
        headers["WWW-Authenticate"] = 'Bearer realm="errand"'
    return _answer(status, error.code, error.message, headers)


def _refuse_http(error: HTTPException) -> Response | HTTPException:
    if error.code is None or error.response is not None or error.code < 400:
        return error  # an answer somebody made already, a redirect
    if isinstance(error, RequestEntityTooLarge):
        _drain()
    default = HTTPStatus(error.code).phrase
    reason, detail = _REFUSALS.get(error.code, (default.lower().replace(" ", "_"), f"{default}."))
    kept = {
        name: value
        for name, value in error.get_headers()
        if name in {"Allow", "Retry-After", "Content-Range"}
    }
    return _answer(error.code, reason, detail, kept)


def _fail(error: Exception) -> Response:
    log.error("request_failed", method=request.method, path=request.path, exc_info=error)
    detail = "Errand itself failed. The web server's log has the details; trying again is safe."
    return _answer(500, "internal", detail, {})


def _answer(status: int, reason: str, detail: str, headers: Mapping[str, str]) -> Response:
    if is_for_programs(request) or not _wants_html():
        return problem(status, reason, detail, headers)
    title = HTTPStatus(status).phrase
    page = render_template("error.html", status=status, title=title, detail=detail, reason=reason)
    answer = Response(page, status=status, content_type="text/html; charset=utf-8")
    answer.headers.update(headers)
    return answer


def _wants_html() -> bool:
    accepted = request.accept_mimetypes
    return accepted.best_match(["application/json", "text/html"]) == "text/html"


def _drain() -> None:
    left = _DRAINED
    stream, wire = request.environ["wsgi.input"], request.environ.get("gunicorn.socket")
    before = wire.gettimeout() if wire else None
    try:
        if wire:
            wire.settimeout(_SILENCE)
        while left > 0 and (piece := stream.read(min(left, 65_536))):
            left -= len(piece)
    except TimeoutError:
        pass
    finally:
        if wire:
            wire.settimeout(before)
