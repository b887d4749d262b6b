"""The OpenAPI document: what it says of Errand as a whole, and of errors on every call."""

from http import HTTPStatus
from typing import Any

from flask_openapi3.models.info import Info
from werkzeug.wrappers import Response

#: What a view returns. Flask's own alias has forward references that flask-openapi3 cannot resolve.
Answer = (
    Response | str | dict[str, Any] | tuple[dict[str, Any], int] | tuple[dict[str, Any], int, dict[str, str]]
)

API = Info(
    title="Errand",
    version="1",
    description=(
        "Hands work to coding-agent command lines and brings the result back. Every error is RFC 9457 "
        "problem+json with a `reason`. Unknown fields may come; known ones don't go."
    ),
)

SECURITY: list[dict[str, list[str]]] = [{"bearer": []}, {"cookie": []}]

#: Every call may answer these: a request may be garbled, a token wrong (too often), something of ours broken.
ALWAYS = (400, 401, 429, 500, 503)


def security_schemes(cookie_name: str) -> dict[str, Any]:
    """Return the two ways to sign in."""
    return {
        "bearer": {"type": "http", "scheme": "bearer", "description": "An API token."},
        "cookie": {"type": "apiKey", "in": "cookie", "name": cookie_name, "description": "From POST /login."},
    }


def problems(*statuses: int) -> dict[str | int | HTTPStatus, Any]:
    """Document these statuses, and those of ALWAYS, as problem+json."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "content": {"application/problem+json": {"schema": schema}},
        }
        for status in sorted({*statuses, *ALWAYS})
    }
