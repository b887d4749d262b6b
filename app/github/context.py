"""What an agent is told besides its instruction: the thread as it was when it was asked."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from app.domain.model import Model
from app.domain.trigger import Place

#: Characters of one text, of all comments together, of the diff, and names of changed files.
TEXT, COMMENTS, DIFF, FILES = 30_000, 120_000, 200_000, 300


class Written(Model):
    """Something that somebody wrote in the thread."""

    id: int
    author: str
    at: datetime
    #: When it was last edited; GitHub's `updated_at`, which is never earlier than `at`.
    edited_at: datetime
    text: str


class ChangedFile(Model):
    """A file that a pull request changes."""

    path: str
    status: str
    additions: int
    deletions: int


class Context(Model):
    """Everything of a thread that a Task may know; all of it is data."""

    title: str = ""
    description: Written | None = None
    comments: tuple[Written, ...] = ()
    #: Comments that there are and that are not told, because they are older than there is room for.
    left_out: int = 0
    files: tuple[ChangedFile, ...] = ()
    diff: str | None = None
    #: The lines that the instruction is about, and what else was said about them.
    places: tuple[Place, ...] = ()
    discussion: tuple[Written, ...] = ()


def as_of(
    written: Iterable[Written], at: datetime, *, since: datetime | None = None, without: int | None = None
) -> list[Written]:
    """Return what was written before `at` and not touched since, oldest first.

    What is edited after somebody was asked can say anything by now. `since` leaves out what the Session
    was told before, `without` the comment that is the instruction itself.
    """
    known = [
        one
        for one in written
        if one.at <= at
        and one.edited_at <= at
        and one.id != without
        and (since is None or one.edited_at > since)
    ]
    return sorted(known, key=lambda one: (one.at, one.id))


def newest(written: Sequence[Written], room: int = COMMENTS) -> tuple[tuple[Written, ...], int]:
    """Return the newest of `written` that there is room for, oldest first, and how many are left out."""
    kept: list[Written] = []
    for one in reversed(written):
        room -= min(len(one.text), TEXT)
        if room < 0:
            break
        kept.append(one)
    return tuple(reversed(kept)), len(written) - len(kept)
