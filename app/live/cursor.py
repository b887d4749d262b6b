"""What a client says it has: `after` in the address of a WebSocket."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from app.db.watch import Stand
from app.errors import Invalid

_SEQ = re.compile(r"[0-9]{1,18}", re.ASCII)
_PAIR = re.compile(r"([0-9]{1,9}|[0-9a-f-]{36}):([0-9]{1,18})", re.ASCII)


def parse_after(text: str | None) -> int:
    """Return the seq a client of one Task has; nothing said is 0. Raises Invalid."""
    if not text:
        return 0
    if _SEQ.fullmatch(text) is None:
        raise _invalid("after is the seq of the last event you have, a number like 0 or 120.")
    return int(text)


@dataclass(frozen=True)
class Cursor:
    """What a client of a Session has, by a Task's position or id.

    A Task that is not named begins at 0; but where positions are named, Tasks before the smallest of
    them are left out, and of those only what comes from now on is sent.
    """

    seqs: Mapping[str, int] = field(default_factory=dict)

    def after(self, stand: Stand) -> int:
        """Return the seq after which this Task begins."""
        for key in (stand.task_id, str(stand.position)):
            if key in self.seqs:
                return self.seqs[key]
        return stand.last_seq if stand.position < self._first else 0

    @property
    def _first(self) -> int:
        return min((int(key) for key in self.seqs if key.isdigit()), default=0)


def parse_cursor(text: str | None) -> Cursor:
    """Return the Cursor of `POSITION:SEQ` or `TASK_ID:SEQ` pairs joined by commas. Raises Invalid."""
    seqs: dict[str, int] = {}
    for pair in text.split(",") if text else ():
        found = _PAIR.fullmatch(pair)
        if found is None:
            raise _invalid("after names what you have as POSITION:SEQ, joined by commas, like 1:40,2:7.")
        seqs[found[1]] = int(found[2])
    return Cursor(seqs)


def _invalid(message: str) -> Invalid:
    return Invalid(message, reason="invalid_after")
