"""Cuts markdown to what GitHub takes, at a place where it still reads as markdown.

GitHub says "maximum is 65536 characters" and means 262,144 bytes in a comment and 65,536 code points in a
pull request, as people have measured. What fits by UTF-16 units fits by either.
"""

import re

from markdown_it import MarkdownIt

#: What a comment may have.
LONGEST = 65_536
#: Reads where fences are; what is inside of paragraphs takes long and is of no interest.
_READER = MarkdownIt("commonmark", {"maxNesting": 60}).disable("inline")
_PARAGRAPH, _LINE, _WORD = re.compile(r"\n[ \t]*\n"), re.compile(r"\n"), re.compile(r"\s")
#: What can end a text in its middle: an entity, a link, a character that goes on.
_BROKEN = re.compile(
    r"(?:&[#a-zA-Z0-9]{0,32}|\[[^\]\n]{0,200}(?:\](?:\([^)\n]{0,2000})?)?|[\u200d\u20e3\ufe0f]+)\Z"
)
_JOINS = re.compile(r"[\u0300-\u036f\u200d\ufe0f\U0001f3fb-\U0001f3ff]")


def units(text: str) -> int:
    """Return how long `text` is, by the strictest way in which GitHub may count."""
    return len(text) + sum(character > "\uffff" for character in text)


def cut(text: str, most: int) -> str:
    """Return as much of `text` as fits into `most`, whole paragraphs if possible, with code closed."""
    if units(text) <= most:
        return text
    room = most - _fence_room(text)
    kept = _safe_end(text, _prefix(text, max(0, room)))
    return kept + _closing(kept)


def closed(text: str) -> str:
    """Return `text` with its last fence closed, so that what follows it is no code."""
    return text.rstrip() + _closing(text.rstrip())


def _prefix(text: str, most: int) -> str:
    """Return the longest beginning that fits."""
    end = min(len(text), most)
    while units(text[:end]) > most:
        end -= max(1, (units(text[:end]) - most) // 2)
    return text[:end]


def _safe_end(text: str, kept: str) -> str:
    for border in (_PARAGRAPH, _LINE, _WORD):
        ends = [match.start() for match in border.finditer(kept, len(kept) * 3 // 4)]
        if ends:
            return kept[: ends[-1]]
    while kept and _JOINS.match(text, len(kept)):
        kept = kept[:-1]
    return _BROKEN.sub("", kept)


def _fence_room(text: str) -> int:
    """Return the room that the end of any fence in `text` may take."""
    return max((len(run) for run in re.findall(r"`{3,}|~{3,}", text)), default=0) + 1


def _closing(text: str) -> str:
    """Return what closes a fence that is open at the end; one in a list or quote ends with it."""
    fences = [token for token in _READER.parse(text) if token.type == "fence" and token.level == 0]
    lines = text.split("\n")
    if not fences:
        return ""
    markup, (start, end) = fences[-1].markup, fences[-1].map or (0, 0)
    is_end = end - start > 1 and re.fullmatch(rf" {{0,3}}{markup}{markup[0]}*[ \t]*", lines[-1]) is not None
    return "" if is_end or end < len(lines) else f"\n{markup}"
