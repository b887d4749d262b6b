"""What a check found."""

from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "wrong", "note"]


@dataclass(frozen=True)
class Finding:
    """One thing that is right, wrong, or good to know; `fix` is what to type about it."""

    check: str
    level: Level
    text: str
    fix: str | None = None


def right(check: str, text: str) -> Finding:
    """Nothing to do."""
    return Finding(check, "ok", text)


def wrong(check: str, text: str, fix: str) -> Finding:
    """Something does not work until `fix` is done."""
    return Finding(check, "wrong", text, fix)


def note(check: str, text: str, fix: str | None = None) -> Finding:
    """Good to know; all works without it."""
    return Finding(check, "note", text, fix)
