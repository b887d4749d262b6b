"""Which words of a markdown text its author says himself: no code, quotes, links, raw or struck text."""

import re
from collections.abc import Iterable, Iterator

from markdown_it import MarkdownIt
from markdown_it.token import Token

#: Stands for what is not prose, so that what is around it does not grow together.
GAP = "\ufffc"
#: Around the number of a candidate while the text is read; private, so no text needs them.
_OPEN, _CLOSE = "\ue000", "\ue001"
_CANDIDATE = re.compile(f"{_OPEN}([0-9]+){_CLOSE}")
#: No `<` inside: what an attribute may hold is not worth a second look at every beginning of a tag.
_TAG = re.compile(r"<(/?)([a-z][a-z0-9-]*)([^<>]{0,1000})>", re.IGNORECASE)
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_TANGLED = re.compile("[<>`]")
_HIDDEN = re.compile(r"\bhidden\b|display\s*:|visibility\s*:|font-size\s*:|opacity\s*:", re.IGNORECASE)
#: Elements whose text is shown as code, quoted, struck or not at all.
_NOT_SAID = frozenset(
    {"a", "blockquote", "code", "del", "kbd", "pre", "q", "s", "samp", "script", "strike", "style"}
    | {"template", "textarea", "title", "tt", "var"}
)
_VOID = frozenset({"br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"})
_URL = re.compile(r"\b[a-z][a-z0-9+.-]*://|\bwww\.|\bmailto:", re.IGNORECASE)
#: Reading takes the square of open brackets: half a second for so many, and nobody's prose has them.
_MOST_BRACKETS = 8000
_SKIPPED_BLOCKS = {"blockquote_open": 1, "blockquote_close": -1}
_SKIPPED_INLINE = {"link_open": 1, "link_close": -1, "s_open": 1, "s_close": -1}

_INLINE_PLACES = {"code_inline": "code", "image": "an image", "html_inline": "HTML"}
_TEXT = frozenset({"text", "text_special", "html_inline", "html_block"})


def _reader() -> MarkdownIt:
    reader = MarkdownIt("commonmark", {"maxNesting": 60}).enable(["table", "strikethrough"])
    # Without joining, what was escaped or written as an entity stays apart from what was written.
    return reader.disable("text_join")


_READER = _reader()


def shown(text: str, candidates: Iterable[re.Match[str]]) -> list[re.Match[str]]:
    """Return those of `candidates` that become text on the page, quoted or not: all but code and addresses.

    Each is taken for plain text, which is what the caller is about to make of it. What is too tangled to
    be read counts as shown.
    """
    matches = list(candidates)
    if not matches or text.count("[") > _MOST_BRACKETS:
        return matches
    prose = "".join(_all_words(_READER.parse(_marked(text, matches))))
    found = {int(number[1]) for number in _CANDIDATE.finditer(prose)}
    return [match for index, match in enumerate(matches) if index in found]


def rendered(text: str) -> tuple[str, bool]:
    """Return what is text on the page, and whether there is, or may be, raw HTML or an image as well."""
    if text.count("[") > _MOST_BRACKETS:
        return "", True
    tokens = _READER.parse(text)
    kinds = {token.type for outer in tokens for token in (outer, *(outer.children or ()))}
    return "".join(_all_words(tokens)), not kinds.isdisjoint({"html_block", "html_inline", "image"})


def said(text: str, candidates: Iterable[re.Match[str]]) -> list[re.Match[str]]:
    """Return those of `candidates`, matches in `text`, that stand in its author's own prose."""
    matches = list(candidates)
    if not matches or text.count("[") > _MOST_BRACKETS:
        return []
    prose = _prose(_marked(text, matches))
    found = {int(number[1]) for number in _CANDIDATE.finditer(prose) if not _in_url(prose, number)}
    return [match for index, match in enumerate(matches) if index in found]


def hiding_place(text: str, candidates: Iterable[re.Match[str]]) -> str | None:
    """Return in words what the first of `candidates` stands in, None where it is nothing that is known.

    For telling somebody why: `said` decides.
    """
    first = list(candidates)[:1]
    if not first or text.count("[") > _MOST_BRACKETS:
        return None
    places = _places(_READER.parse(_marked(text, first)))
    return next((place for place, content in places if _CANDIDATE.search(content)), None)


def _marked(text: str, matches: list[re.Match[str]]) -> str:
    """Write a number in the place of each candidate: the reader of markdown does not keep positions."""
    pieces, end = [], 0
    for index, match in enumerate(matches):
        pieces += [_clean(text[end : match.start()]), f"{_OPEN}{index}{_CLOSE}"]
        end = match.end()
    return "".join([*pieces, _clean(text[end:])])


def _clean(text: str) -> str:
    return text.replace(_OPEN, GAP).replace(_CLOSE, GAP)


def _prose(text: str) -> str:
    return "".join(_blocks(_READER.parse(text)))


def _blocks(tokens: Iterable[Token]) -> Iterator[str]:
    quoted, elements = 0, _Elements()
    for token in tokens:
        quoted += _SKIPPED_BLOCKS.get(token.type, 0)
        if token.type == "html_block":
            words = list(_raw_words(token.content, elements))
            yield from [GAP] if quoted else words
        elif token.type == "inline" and not quoted:
            yield from _words(token.children or (), elements)
        yield "\n"


def _raw_words(html: str, elements: "_Elements") -> Iterator[str]:
    """Yield what stands between the tags of a block of raw HTML, up to where that can't be told."""
    html, end = _COMMENT.sub(GAP, html), 0
    for tag in _TAG.finditer(html):
        yield from _shown_words(html[end : tag.start()], elements)
        elements.read(tag[0])
        end = tag.end()
        if tag[3].count('"') % 2 or tag[3].count("'") % 2:
            # The `>` may be one of an attribute's.
            elements.read(html[end:])
            return
    yield from _shown_words(html[end:], elements)


def _shown_words(text: str, elements: "_Elements") -> Iterator[str]:
    # No markdown is read here; what looks like a quote or code is meant so all the same.
    yield GAP if elements.silent or _TANGLED.search(text) else text


def _words(tokens: Iterable[Token], elements: "_Elements") -> Iterator[str]:
    skipped = 0
    for token in tokens:
        skipped += _SKIPPED_INLINE.get(token.type, 0)
        if token.type == "html_inline":
            elements.read(token.content)
        if token.type in {"softbreak", "hardbreak"}:
            yield "\n"
        elif token.type == "text" and not skipped and not elements.silent:
            yield token.content
        elif token.content:
            yield GAP


def _places(tokens: Iterable[Token]) -> Iterator[tuple[str, str]]:
    """Yield what each piece of text stands in, as `_blocks` goes through them."""
    quoted, elements = 0, _Elements()
    for token in tokens:
        quoted += _SKIPPED_BLOCKS.get(token.type, 0)
        if quoted:
            yield "a quote", token.content
        elif token.type == "html_block":
            elements.read(token.content)
            yield "HTML", token.content
        elif token.type == "inline":
            yield from _inline_places(token.children or (), elements)
        else:
            yield "code", token.content


def _inline_places(tokens: Iterable[Token], elements: "_Elements") -> Iterator[tuple[str, str]]:
    skipped = 0
    for token in tokens:
        skipped += _SKIPPED_INLINE.get(token.type, 0)
        if token.type == "html_inline":
            elements.read(token.content)
        around = "a link or struck text" if skipped else "HTML" if elements.silent else "an address"
        yield _INLINE_PLACES.get(token.type, around), token.content


def _all_words(tokens: Iterable[Token]) -> Iterator[str]:
    for token in tokens:
        if token.type in {"inline", "image"}:
            yield from _all_words(token.children or ())
        # A backslash makes a token of itself and of what follows it, be that the beginning of a mark of ours.
        yield token.content if token.type in _TEXT else "\n"


def _in_url(prose: str, candidate: re.Match[str]) -> bool:
    """Tell whether a bare address runs up to the candidate; GitHub makes a link of it."""
    words = prose[: candidate.start()].rsplit(None, 1)
    before = words[-1] if words and not prose[candidate.start() - 1].isspace() else ""
    return _URL.search(before) is not None


class _Elements:
    """The raw HTML elements that are open, as far as they keep their text from being said."""

    def __init__(self) -> None:
        self._open: list[str] = []

    @property
    def silent(self) -> bool:
        return bool(self._open)

    def read(self, html: str) -> None:
        """Take one piece of raw HTML."""
        for closing, name, attributes in _TAG.findall(_COMMENT.sub("", html)):
            self._tag(name.lower(), attributes, closing=bool(closing))

    def _tag(self, name: str, attributes: str, *, closing: bool) -> None:
        if closing:
            if name in self._open:
                del self._open[len(self._open) - 1 - self._open[::-1].index(name) :]
        elif self._keeps_silent(name, attributes) and not attributes.endswith("/"):
            self._open.append(name)

    def _keeps_silent(self, name: str, attributes: str) -> bool:
        if name in _VOID:
            return False
        # Inside a silent element its own kind nests, so that the inner end does not end the outer one.
        return name in _NOT_SAID or name in self._open or _HIDDEN.search(attributes) is not None
