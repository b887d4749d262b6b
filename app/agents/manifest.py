"""agent.toml: from bytes to an Agent, or to the line a person has to mend."""

import difflib
import re
import tomllib
from decimal import Decimal
from typing import Any

from pydantic import ValidationError

from app.agents.source import Unusable
from app.domain.agent import Agent


def parse(name: str, content: bytes, *, file: str) -> Agent:
    """Return the Agent that `content` describes; raises Unusable with `file` and the line."""
    text = _text(content, file)
    values = _values(text, file)
    if "name" in values:
        what = "unknown key 'name': the name of the folder is the agent's name"
        raise Unusable(file, what, line=_line_of(text, "name"))
    try:
        return Agent.model_validate({"name": name, **values})
    except ValidationError as error:
        mistakes = sorted((_line_of(text, str(one["loc"][0])), _sentence(one)) for one in error.errors())
        more = f" ({len(mistakes) - 1} more in this file)" if len(mistakes) > 1 else ""
        line, what = mistakes[0]
        raise Unusable(file, what + more, line=line) from None


def _text(content: bytes, file: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise Unusable(file, "is not UTF-8 text", line=line) from None


def _values(text: str, file: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        place = re.search(r" \(at (?:line (\d+), column \d+|end of document)\)$", str(error))
        what = str(error)[: place.start()] if place else str(error)
        line = int(place[1]) if place and place[1] else max(1, text.count("\n") + (not text.endswith("\n")))
        raise Unusable(file, f"{what[:1].lower()}{what[1:]}", line=line) from None
    except RecursionError:
        raise Unusable(file, "is nested too deeply", line=1) from None


def _sentence(found: Any) -> str:
    key, kind, message = str(found["loc"][0]), found["type"], found["msg"]
    if kind == "extra_forbidden":
        close = difflib.get_close_matches(key, Agent.model_fields, n=1)
        return f"unknown key {key!r}" + (f"; did you mean {close[0]!r}?" if close else "")
    if kind == "missing":
        return f"the key {key!r} is missing"
    if kind == "value_error":  # our own words
        return f"{key!r}: {message.removeprefix('Value error, ')}"
    if kind == "tuple_type":
        return f"{key!r}: must be a list"
    return f"{key!r}: {re.sub('^(Input|String) should', 'must', message)}"


def _line_of(text: str, key: str) -> int:
    """Return the line on which the top-level `key` is set; 1 where it is not there at all.

    A line counts only when all before it parses by itself: inside a multi-line string it does not.
    """
    lines = text.splitlines()
    start = re.compile(rf"\s*\[{{0,2}}\s*([\"']?){re.escape(key)}\1\s*[=.\]]")
    for number, line in enumerate(lines, 1):
        if start.match(line) and _parses("\n".join(lines[: number - 1])):
            return number
    return 1


def _parses(text: str) -> bool:
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return False
    return True
