"""Bodies of generic webhooks: JSON, a form, or text; nothing but a value or an Invalid comes out of them."""

import hashlib
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

from app.domain.webhook import value_at
from app.github.errors import BadPayload
from app.github.json_body import read_object
from app.webhooks.errors import BadBody, BodyTooLarge, WrongType

#: Bytes of one body.
LARGEST = 1024 * 1024
#: Levels of one payload. What asks and what is shown goes through it level by level.
DEEPEST = 64
_FIELDS = 1000


def read_payload(body: bytes, content_type: str) -> Any:
    """Return the object, the fields or the text; raises BodyTooLarge, BadBody or WrongType."""
    if len(body) > LARGEST:
        raise BodyTooLarge
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json")):
        return _object(body)
    if kind == "application/x-www-form-urlencoded":
        return _fields(body)
    if kind == "text/plain":
        return _decoded(body)
    raise WrongType


def dedupe_key(
    dedupe: str, payload: Any, header: Callable[[str], str | None], body: bytes
) -> tuple[str, bool]:
    """Return (what this delivery has in common with its double, whether it was said by `dedupe`).

    Where the payload or the headers lack what `dedupe` names, the body itself tells.
    """
    if dedupe.startswith("header:"):
        found: Any = header(dedupe.removeprefix("header:"))
    else:
        found = value_at(payload, dedupe) if dedupe else None
    said = isinstance(found, str | int | float) and found != ""
    known = f"{type(found).__name__}:{found}".encode("utf-8", "surrogatepass") if said else body
    return hashlib.sha256((b"k" if said else b"b") + known).hexdigest(), said


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = read_object(body, "application/json")
    except BadPayload as error:
        raise BadBody(error.message) from None
    level: list[Any] = [found]
    for _ in range(DEEPEST):
        level = [inner for value in level for inner in _inside(value)]
        if not level:
            return found
    raise BadBody("The JSON is nested too deep.")


def _inside(value: Any) -> list[Any]:
    values = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [inner for inner in values if isinstance(inner, dict | list)]


def _fields(body: bytes) -> dict[str, Any]:
    try:
        text = body.decode("ascii")
        fields = parse_qs(text, keep_blank_values=True, max_num_fields=_FIELDS, errors="strict")
    except ValueError:
        raise BadBody("The form cannot be read.") from None
    return {name: values[0] if len(values) == 1 else values for name, values in fields.items()}


def _decoded(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise BadBody("The text is not UTF-8.") from None
