"""Makes an agent's markdown harmless on GitHub: it calls nobody, closes, loads and hides nothing."""

import re
from collections.abc import Callable

from app.github.cleaning import fenced, plain
from app.github.mention import mention_pattern
from app.github.prose import rendered, shown

#: A character of no width, as an entity: seen by whoever edits the text, and by GitHub's links not at all.
_NOTHING = "&#8203;"
#: The same where nothing reads entities.
_NO_WIDTH = "\u200b"
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
#: Every tag and whatever else begins HTML; links in pointed brackets are left.
_HTML = re.compile(r"<(?=[A-Za-z/!?])(?!(?:https?://|mailto:))")
_IMAGE = re.compile(r"!(?=\[)")
_ANYBODY = re.compile(r"(?<![A-Za-z0-9])@(?=[A-Za-z0-9])")
_SUBJECT = r"(?:#\d|GH-\d|[\w.-]+/[\w.-]+#\d|https?://)"
_CLOSING = re.compile(rf"\b(?:close[sd]?|fix(?:e[sd])?|resolve[sd]?)(?=:?\s+{_SUBJECT})", re.IGNORECASE)
#: Our mark, also where it is code: what looks for it reads no markdown.
_MARK = re.compile(r"<!--(?=\s*errand:)", re.IGNORECASE)
#: An address that GitHub makes a link of, in which nobody is called.
_IN_LINK = re.compile(r"(?:^|[\s(*_~])https?://[A-Za-z0-9-]+\.[A-Za-z0-9.-]+(?::\d+)?/[^\s<]*\Z", re.ASCII)


def defused(text: str, *, word: str) -> str:
    """Return `text` for a comment of ours.

    What is code stays as it is, save for our own mark and the word that addresses us. Elsewhere HTML is
    shown rather than obeyed, its comments go, images become links, and neither names nor words like
    "fixes #1" do anything. The outcome is read again as GitHub will read it: what is nested so oddly that
    something got by is shown as plain text.
    """
    text = _MARK.sub("<!-- ", plain(text))
    text = _replaced(text, _COMMENT, lambda _: "")
    text = _replaced(text, _HTML, lambda _: "&lt;")
    text = _replaced(text, _IMAGE, lambda _: "")
    text = mention_pattern(word).sub(lambda match: match[0][1:], text)
    text = _replaced(text, _ANYBODY, lambda match: "@" if _in_link(match) else f"@{_NOTHING}")
    text = _replaced(text, _CLOSING, lambda match: f"{match[0]}{_NOTHING}")
    return text if _is_harmless(text) else fenced(text)


def quieted(text: str) -> str:
    """Return plain text, such as a commit's message, in which neither names nor "fixes #1" do anything."""
    text = _ANYBODY.sub(lambda match: "@" if _in_link(match) else f"@{_NO_WIDTH}", text)
    return _CLOSING.sub(lambda match: f"{match[0]}{_NO_WIDTH}", text)


def _is_harmless(text: str) -> bool:
    words, has_more = rendered(text)
    calls = any(not _in_link(match) for match in _ANYBODY.finditer(words))
    return not (has_more or calls or _CLOSING.search(words))


def _replaced(text: str, pattern: re.Pattern[str], by: Callable[[re.Match[str]], str]) -> str:
    pieces, end = [], 0
    # Beyond the last end of a comment every beginning of one would look for it in vain.
    last = text.rfind("-->") + 3 if pattern is _COMMENT else len(text)
    for match in shown(text, pattern.finditer(text, 0, last)):
        pieces += [text[end : match.start()], by(match)]
        end = match.end()
    return "".join([*pieces, text[end:]])


def _in_link(match: re.Match[str]) -> bool:
    line = match.string.rfind("\n", 0, match.start())
    return _IN_LINK.search(match.string, max(line, match.start() - 500), match.start()) is not None
