"""Make what a CLI printed fit to store and send: no NUL, no lone surrogate, nothing endless."""

import json
import math
import re
from collections.abc import Iterable, Iterator
from decimal import Decimal, InvalidOperation
from typing import TypeVar

from pydantic import JsonValue

_Item = TypeVar("_Item")

#: The longest text of one Event, in characters; the CLI's own output has the rest.
LONGEST = 1024 * 1024
#: The longest Text or Thinking of a block that is cut into several.
PART = 64 * 1024

_DEEPEST = 64
_LONGEST_NAME = 200
#: What each value of a JSON text costs beside its characters.
_NODE = 16
_CUT = "[... cut, see the output]"
_INT64 = 2**63
_MOST_DOLLARS = Decimal(1_000_000)
_PICO = Decimal("1e-12")
_MOST_TOKENS = 10**15
# PostgreSQL's text takes no NUL, UTF-8 no surrogate.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def text(value: str) -> str:
    """Return `value` with U+FFFD for every character that cannot be stored."""
    if value.isascii() and "\x00" not in value:
        return value
    return _UNSTORABLE.sub("\ufffd", value)


def decoded(data: bytes) -> str:
    """Return `data` as storable text, whatever the bytes are."""
    return text(data.decode("utf-8", "replace"))


def shortened(value: str) -> str:
    """Return `value` storable, and cut where it is longer than an Event may be."""
    if len(value) <= LONGEST:
        return text(value)
    return f"{text(value[:LONGEST])}\n[... {len(value) - LONGEST} more characters, see the output]"


def parts(value: str) -> list[str]:
    """Return `value` storable, cut into parts short enough to send."""
    return [text(value[start : start + PART]) for start in range(0, len(value), PART)]


def name(value: str) -> str:
    """Return an id or a name storable, and cut where it is longer than any that makes sense."""
    return text(value[:_LONGEST_NAME])


def json_value(value: object) -> JsonValue:
    """Return `value`, from parsed JSON, as JSON that every store and every browser takes, of bounded size."""
    return _Json().value(value, 0)


class _Json:
    """Copies one value as far as the room goes."""

    def __init__(self) -> None:
        self._room = LONGEST

    def value(self, value: object, depth: int) -> JsonValue:
        self._room -= _NODE
        if self._room < 0:
            return _CUT
        if isinstance(value, dict | list) and depth >= _DEEPEST:
            return "[... nested too deep, see the output]"
        if isinstance(value, dict):
            return {self._key(key): self.value(item, depth + 1) for key, item in self._within(value.items())}
        if isinstance(value, list):
            return [self.value(item, depth + 1) for item in self._within(value)]
        return self._string(value) if isinstance(value, str) else _scalar(value)

    def _within(self, items: Iterable[_Item]) -> Iterator[_Item]:
        """Yield items while there is room; the one that finds none left is shown as cut."""
        for item in items:
            yield item
            if self._room < 0:
                return

    def _key(self, key: object) -> str:
        found = name(str(key))
        self._room -= len(found)
        return found

    def _string(self, value: str) -> str:
        shown = text(value[: self._room])
        self._room -= len(shown)
        return shown if len(shown) == len(value) else f"{shown}\n{_CUT}"


def _scalar(value: object) -> JsonValue:
    if isinstance(value, int) and not -_INT64 <= value < _INT64:
        return _digits(value)
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value if value is None or isinstance(value, bool | int | float) else str(value)


def dollars(value: object) -> Decimal | None:
    """Return the amount as the CLI meant it, to 10^-12 as it is stored; None where it makes no sense."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        # The shortest text that reads back as this float is what the CLI printed.
        amount = Decimal(repr(value))
    except (InvalidOperation, ValueError):
        return None
    if not amount.is_finite() or not 0 <= amount < _MOST_DOLLARS:
        return None
    if amount == amount.quantize(_PICO):
        return amount
    return Decimal(format(amount.quantize(_PICO), "f").rstrip("0").rstrip("."))  # the dust of adding floats


def count(value: object) -> int:
    """Return a number of tokens, 0 for anything else."""
    if isinstance(value, bool) or not isinstance(value, int):
        return 0
    return value if 0 <= value < _MOST_TOKENS else 0


def as_text(value: object) -> str:
    """Return a text as it is, and any other JSON value as its JSON."""
    if isinstance(value, str):
        return value
    try:
        return json.dumps(value, ensure_ascii=False)
    except (ValueError, RecursionError):
        return "[unreadable]"


def _digits(value: int) -> JsonValue:
    try:
        return str(value)
    except ValueError:  # thousands of digits
        return "[a number too long to show]"
