"""The words of a pull request that Errand opens, and of the commits in it."""

import re

from app.domain.trigger import Account
from app.github.cleaning import plain
from app.github.defusing import defused
from app.github.length import LONGEST, closed, cut, units
from app.github.marker import marker
from app.github.payload import NAMED
from app.security.redact import Redactor

_TITLE = 120


def pull_title(title: str, *, word: str, redactor: Redactor) -> str:
    """Return the title: that of the issue, on one line, calling nobody."""
    line = " ".join(redactor.clean_text(plain(title)).split()) or "Changes"
    line = re.sub(re.escape(word), word[1:], line, flags=re.IGNORECASE)
    return line if len(line) <= _TITLE else f"{line[: _TITLE - 1].rstrip()}…"


def pull_body(
    *,
    reply_id: str,
    issue: int | None,
    requester: str,
    summary: str,
    link: str | None,
    word: str,
    redactor: Redactor,
) -> str:
    """Return the description: what it mends, what the agent says of it, and who asked.

    `Fixes #N` closes the issue when a person merges, which is the one closing word that is meant; the
    summary's own do nothing.
    """
    fixes = [f"Fixes #{issue}"] if issue is not None else []
    said = defused(cut(redactor.clean_text(plain(summary.strip())), LONGEST), word=word)
    asked = f"Asked for by {requester}. An agent wrote this: read it before you merge it."
    end = f"<sub>{asked}{f' [How it came about]({link}).' if link else ''}</sub>"
    frame = "\n\n".join([*fixes, "", end])
    room = LONGEST - units(frame) - units(marker(reply_id)) - 2
    return "\n\n".join([f"{marker(reply_id)}", *fixes, cut(closed(said), room), end])


def co_author(account: Account) -> str:
    """Return the trailer that names who asked as an author, by the address that GitHub gives everybody."""
    number = f"{account.id}+" if account.id < NAMED else ""
    return f"Co-authored-by: {account.login} <{number}{account.login}@users.noreply.github.com>"
