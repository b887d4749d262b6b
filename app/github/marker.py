"""The mark in every comment of ours: what finds it again, and what keeps us from answering ourselves."""

import re

_MARKER = re.compile(r"<!--\s*errand:([A-Za-z0-9-]{1,64})\s*-->")


def marker(reply_id: str) -> str:
    """Return the hidden line that makes a comment the Reply with this id."""
    text = f"<!-- errand:{reply_id} -->"
    if not _MARKER.fullmatch(text):
        raise ValueError(f"not the id of a Reply: {reply_id!r}")
    return text


def marked(body: str) -> str | None:
    """Return the id of the Reply that `body` is, or None where it is no comment of ours."""
    match = _MARKER.search(body)
    return match[1] if match else None
