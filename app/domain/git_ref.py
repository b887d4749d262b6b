"""Names of branches: which come from outside and may be used, and which are made for our own."""

import re
import unicodedata

#: What the branches of our own begin with.
PREFIX = "agent/"
#: Stricter than git: nothing that a shell, an option or a path could mean something by.
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9/_.+#@-]{0,243}", re.ASCII)
_NEVER = re.compile(r"\.\.|//|@\{|/\.|\.lock(?:/|$)|[/.]$")
#: Letters of a title that a branch is called by.
_SLUG = 40


def is_ref(name: str) -> bool:
    """Tell whether `name` can be given to git as a branch without meaning anything else."""
    return _NAME.fullmatch(name) is not None and _NEVER.search(name) is None and name not in {"HEAD", "@"}


def branch_name(prefix: str, number: int, title: str, task_id: str) -> str:
    """Return the branch for the work on an issue: `agent/issue-7-the-login-loops-1f3a9c`.

    The end of the Task's id makes it its own, whatever the title is and however often it is asked.
    """
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    words = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
    slug = words if len(words) <= _SLUG else words[: _SLUG + 1].rpartition("-")[0] or words[:_SLUG]
    mark = re.sub(r"[^a-z0-9]", "", task_id.lower())[-6:]
    return "-".join(part for part in (f"{prefix}issue-{number}", slug, mark) if part)
