"""Calls to the stand-in: as they came, and as they are to go wrong."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Fault:
    """What goes wrong with calls that fit; `after`: only once it has been done."""

    verb: str
    path: str
    status: int | None = None
    message: str = "Planted"
    headers: Mapping[str, str] = field(default_factory=dict)
    #: Seconds before the answer; and whether the connection is closed instead of one.
    delay: float = 0.0
    drops: bool = False
    after: bool = False
    times: int = 1


@dataclass(frozen=True)
class Recorded:
    """A call as it came, and the status it got."""

    verb: str
    path: str
    body: Any
    status: int
    #: The login that made it.
    by: str
