"""What a pull request and our short comments say, and what they do not do."""

import re

from hypothesis import given
from hypothesis import strategies as st

from app.domain.trigger import Account
from app.github.length import LONGEST, units
from app.github.marker import marked
from app.github.mention import find_mention
from app.github.notices import help_text, nothing_text, paused_text
from app.github.pull_text import co_author, pull_body, pull_title
from app.security.redact import Redactor

SECRET = "a-secret-of-this-place"
REDACTOR = Redactor([SECRET])


def _body(summary: str, *, issue: int | None = 7) -> str:
    return pull_body(
        reply_id="t-1",
        issue=issue,
        requester="mona",
        summary=summary,
        link="https://errand.example/tasks/t-1",
        word="@agent",
        redactor=REDACTOR,
    )


def test_a_pull_request_closes_its_issue_and_no_other() -> None:
    """The closing word that is meant works, the agent's own do not."""
    body = _body("This fixes #8.")

    assert re.findall(r"(?i)fixes:?\s+#\d+", body) == ["Fixes #7"]
    assert "Asked for by mona." in body
    assert "Fixes #" not in _body("x", issue=None)
    assert marked(body) == "t-1"


@given(st.text(alphabet="@agent`\n ~fixes#18<>!-[]()*", max_size=60))
def test_a_pull_request_asks_nobody(summary: str) -> None:
    """Nor does its title; and secrets are in neither."""
    body, title = (
        _body(f"{summary} {SECRET}"),
        pull_title(f"{summary} {SECRET}", word="@agent", redactor=REDACTOR),
    )

    assert find_mention(body, word="@agent") is None
    assert find_mention(title, word="@agent") is None
    assert SECRET not in body + title
    assert "\n" not in title


def test_a_secret_in_pieces_is_a_secret() -> None:
    """What nobody sees is left out of a description, and what was around it must not be a secret then."""
    assert SECRET not in _body("\u200b".join(SECRET))


def test_a_long_summary_is_cut() -> None:
    """Below what a pull request may have, with its end."""
    body = _body("日本語🙂 " * 40_000)

    assert LONGEST // 2 < units(body) <= LONGEST
    assert body.endswith("</sub>")


def test_a_long_title_is_cut() -> None:
    """And an empty one is not."""
    assert len(pull_title("x" * 500, word="@agent", redactor=REDACTOR)) == 120
    assert pull_title(" \n", word="@agent", redactor=REDACTOR) == "Changes"


def test_who_asked_is_an_author_too() -> None:
    """By the address that GitHub gives to everybody."""
    trailer = co_author(Account(id=7, login="mona"))

    assert trailer == "Co-authored-by: mona <7+mona@users.noreply.github.com>"


def test_short_comments_are_ours_and_ask_nothing() -> None:
    """Help, a pause and a command without effect: marked, and without the word that addresses us."""
    told = help_text("n-1", {"planning": "Makes | plans\nfirst", "brain": "Does it"})

    assert "| `planning: …` | Makes plans first |" in told.replace("  ", " ")
    for text in (
        told,
        paused_text("n-1", "Five tasks."),
        nothing_text("n-1", "stop"),
        nothing_text("n-1", "x"),
    ):
        assert marked(text) == "n-1"
        assert "@agent" not in text
