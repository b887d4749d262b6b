"""Read JSON of a CLI leniently: a field of the wrong type is a field that is not there."""

from typing import Any

Json = dict[str, Any]


def obj(line: Json, name: str) -> Json:
    """Return an object, empty where it is none."""
    value = line.get(name)
    return value if isinstance(value, dict) else {}


def items(line: Json, name: str) -> list[Json]:
    """Return the objects of a list."""
    value = line.get(name)
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def values(line: Json) -> list[Json]:
    """Return the objects among the values of an object."""
    return [item for item in line.values() if isinstance(item, dict)]


def string(line: Json, name: str) -> str:
    """Return a text, empty where it is none."""
    value = line.get(name)
    return value if isinstance(value, str) else ""


def number(line: Json, name: str) -> int | None:
    """Return a whole number that a 64-bit column takes."""
    value = line.get(name)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value < 2**63 else None
