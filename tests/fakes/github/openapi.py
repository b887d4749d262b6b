"""GitHub's own description of the calls: what may be asked, and what has to be answered."""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote

from jsonschema import Draft202012Validator, FormatChecker

Json = dict[str, Any]
_SOURCE = Path(__file__).with_name("openapi.json")
_AT = "2026-11-20T10:00:00Z"
_SCALARS: Json = {"string": "x", "integer": 1, "number": 1, "boolean": False, "array": [], "null": None}
_FORMATS = {"uri": "https://github.test/x", "date-time": _AT, "date": "2026-11-20"}


class Described:
    """One call: its path's values, and what GitHub says of it."""

    def __init__(self, path: str, values: dict[str, str], operation: Json) -> None:
        self.path, self.values, self._operation = path, values, operation

    def request_problems(self, query: str, body: Any) -> list[str]:
        """Return what is wrong with a request."""
        known = {one["name"]: one for one in map(_resolved, self._operation.get("parameters", []))}
        asked = {name: values[-1] for name, values in parse_qs(query, keep_blank_values=True).items()}
        problems = [f"unknown parameter {name}" for name in asked.keys() - known.keys()]
        for name, value in {**asked, **self.values}.items():
            problems += _problems(known[name]["schema"], _typed(value)) if name in known else []
        content = self._operation.get("requestBody", {}).get("content", {})
        if "application/json" not in content:
            return [*problems, "a body where none is asked for"] if body is not None else problems
        schema = content["application/json"]["schema"]
        unknown = set(body or {}) - _known_fields(schema) if isinstance(body, dict) else set()
        return [*problems, *(f"unknown field {name}" for name in unknown), *_problems(schema, body)]

    def answer_problems(self, status: int, answer: Any) -> list[str]:
        """Return what is wrong with an answer; errors that no call lists are GitHub's in general."""
        responses = self._operation["responses"]
        if str(status) not in responses:
            return [] if status >= 400 else [f"status {status} is not one of {sorted(responses)}"]
        content = _resolved(responses[str(status)]).get("content", {})
        media = next((value for key, value in content.items() if "json" in key), None)
        if media is None:
            return ["an answer where there is none"] if answer is not None else []
        return _problems(media["schema"], answer)

    def example(self, status: int) -> Any:
        """Return the smallest answer that GitHub's description allows, to be filled in."""
        content = _resolved(self._operation["responses"][str(status)])["content"]
        return example(content["application/json"]["schema"])


@cache
def _document() -> Json:
    found: Json = _json_schema(json.loads(_SOURCE.read_text()))
    return found


def describe(verb: str, path: str) -> Described | None:
    """Return the call of `verb` and `path` (without the prefix of the API), or None."""
    for template, operations in _document()["paths"].items():
        pattern = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(template))
        match = re.fullmatch(pattern, path)
        if match and verb.lower() in operations:
            values = {name: unquote(value) for name, value in match.groupdict().items()}
            return Described(template, values, operations[verb.lower()])
    return None


def named(schema: str, **values: Any) -> Json:
    """Return an example of one of GitHub's schemas with `values` in it."""
    found: Json = merged(example({"$ref": f"#/components/schemas/{schema}"}, null=False), values)
    return found


def merged(base: Any, values: Json) -> Any:
    """Return `base` with `values`, field by field."""
    found = dict(base)
    for key, value in values.items():
        nested = isinstance(value, dict) and isinstance(found.get(key), dict)
        found[key] = merged(found[key], value) if nested else value
    return found


def example(schema: Json, *, null: bool = True) -> Any:
    """Return the smallest value that `schema` allows, null where that is one and `null` says so."""
    schema = _resolved(schema)
    for choice in ("anyOf", "oneOf"):
        if choice in schema:
            options = [option for option in schema[choice] if option.get("type") != "null"]
            return None if null and len(options) < len(schema[choice]) else example(options[0])
    if "allOf" in schema:
        return example(schema["allOf"][0])
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type", "object" if "properties" in schema else "string")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "object":
        properties = schema.get("properties", {})
        return {name: example(properties.get(name, {})) for name in schema.get("required", [])}
    return _FORMATS.get(schema.get("format", ""), _SCALARS[kind])


def _resolved(value: Json) -> Json:
    while "$ref" in value:
        place: Any = _document()
        for part in value["$ref"].removeprefix("#/").split("/"):
            place = place[part]
        value = place
    return value


def _problems(schema: Json, value: Any) -> list[str]:
    whole = {"allOf": [schema], "components": _document()["components"]}
    validator = Draft202012Validator(whole, format_checker=FormatChecker())
    return [
        f"{'.'.join(map(str, error.path))}: {error.message}"[:300] for error in validator.iter_errors(value)
    ]


def _known_fields(schema: Json) -> set[str]:
    schema = _resolved(schema)
    found = set(schema.get("properties", {}))
    for choice in ("anyOf", "oneOf", "allOf"):
        for option in schema.get(choice, []):
            found |= _known_fields(option)
    return found


def _json_schema(value: Any) -> Any:
    """Return OpenAPI 3.0 as JSON Schema: what is nullable may be null."""
    if isinstance(value, list):
        return [_json_schema(item) for item in value]
    if not isinstance(value, dict):
        return value
    found = {key: _json_schema(item) for key, item in value.items() if key != "nullable"}
    return {"anyOf": [found, {"type": "null"}]} if value.get("nullable") is True else found


def _typed(value: str) -> Any:
    return int(value) if value.isdecimal() else value
