"""The mark in a tree's environment, by which its processes are found when nothing else leads to them."""

import hashlib
import secrets
from pathlib import Path

#: The variable every process of a supervised tree inherits.
MARK_VARIABLE = "ERRAND_MARK"


def installation(data_dir: Path) -> str:
    """Return the mark prefix of the installation in `data_dir`: two on one machine leave each other alone."""
    return hashlib.sha256(str(data_dir.resolve()).encode(errors="surrogateescape")).hexdigest()[:12]


def new_mark(prefix: str, *parts: object) -> str:
    """Return a mark nobody had before: `PREFIX:PART:...:RANDOM`; a Task's parts are its id and attempt."""
    return ":".join([prefix, *map(str, parts), secrets.token_hex(8)])


def is_marked(mark: str, prefix: str) -> bool:
    """Tell whether `mark` was made with `prefix`."""
    return mark.startswith(f"{prefix}:")
