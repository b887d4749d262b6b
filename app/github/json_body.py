"""JSON from outside, read so that nothing but an object or BadPayload comes out of it."""

import json
from typing import Any, NoReturn
from urllib.parse import parse_qs

import orjson

from app.github.errors import BadPayload, PayloadTooLarge, UnsupportedType

#: GitHub's own limit.
LARGEST = 25 * 1024 * 1024
#: Values in one body: a body of empty lists would take thirty times its size in memory.
MOST_VALUES = 2_000_000


def read_object(body: bytes, content_type: str) -> dict[str, Any]:
    """Return the object that `body` holds; raise PayloadTooLarge, UnsupportedType or BadPayload."""
    if len(body) > LARGEST:
        raise PayloadTooLarge
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type == "application/json":
        return _object(body)
    if media_type == "application/x-www-form-urlencoded":
        return _object(_form_field(body))
    raise UnsupportedType


def _form_field(body: bytes) -> bytes:
    try:
        text = body.decode("ascii")
        fields = parse_qs(text, strict_parsing=True, max_num_fields=10, errors="strict")
    except ValueError as error:
        raise BadPayload("The form cannot be read.") from error
    match fields.get("payload"):
        case [payload]:
            return payload.encode()
    raise BadPayload("The form has no single field `payload`.")


def _object(text: bytes) -> dict[str, Any]:
    if text.count(b",") + text.count(b"[") + text.count(b"{") > MOST_VALUES:
        raise BadPayload("The JSON has too many values.")
    try:
        # orjson refuses what is not JSON in a hurry: NaN, bad UTF-8, lone surrogates, a thousand levels.
        orjson.loads(text)
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse_constant)
    except RecursionError as error:
        raise BadPayload("The JSON is nested too deep.") from error
    except ValueError as error:
        raise BadPayload(f"The body is not JSON: {_first_line(error)}") from error
    if not isinstance(value, dict):
        raise BadPayload("The JSON is not an object.")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        # Two readers of the same bytes must not see two different authors.
        raise ValueError("an object has the same key twice")
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number")


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or ["it cannot be read"])[0][:200]
