"""Where the next page begins: opaque to the client, a (time, id) pair to us."""

import base64
import binascii
import uuid
from collections.abc import Callable
from datetime import UTC, datetime

from app.clock import rfc3339
from app.errors import Invalid

Place = tuple[datetime, str]


def encode(at: datetime, identifier: str) -> str:
    """Return the cursor that continues after this item."""
    return base64.urlsafe_b64encode(f"{rfc3339(at)} {identifier}".encode()).decode().rstrip("=")


def _uuid(text: str) -> str:
    return str(uuid.UUID(text))


def decode(cursor: str | None, *, known: Callable[[str], str] = _uuid) -> Place | None:
    """Return where `cursor` stands; raises Invalid for one we did not make.

    `known` returns an identifier as rows have it, or raises ValueError.
    """
    if cursor is None:
        return None
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode(
            "ascii"
        )
        at, _, identifier = text.partition(" ")
        moment = datetime.strptime(at, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
        return moment, known(identifier)
    except (binascii.Error, ValueError):
        message = "This cursor is not one Errand made; take next_cursor from the page before, as it is."
        raise Invalid(message, reason="cursor") from None
