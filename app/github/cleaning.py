"""Takes out of other people's text what a person does not see on the page and a model would obey."""

import html
import re
from collections.abc import Iterator

from markdown_it import MarkdownIt

_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
#: Elements whose content no page shows; their end is looked for once, so that none can be slow to miss.
_UNSEEN = re.compile(
    r"<(script|style|template|title|noscript)(?=[\s/>])[^<>]{0,1000}>.*?(?:</\1\s*>|\Z)",
    re.IGNORECASE | re.DOTALL,
)
_HIDDEN = re.compile(
    r"<([a-z][a-z0-9-]*)(?=[\s/>])(?=[^<>]{0,1000}"
    r"(?:\bhidden\b|display\s*:\s*none|font-size\s*:\s*0|opacity\s*:\s*0))"
    r"[^<>]{0,1000}>.*?(?:</\1\s*>|\Z)",
    re.IGNORECASE | re.DOTALL,
)
_TAG = re.compile(r"<(/?[a-z][a-z0-9-]*)(?=[\s/>])([^<>]{0,1000})>", re.IGNORECASE)
_ADDRESS = re.compile(r"""\b(href|src)\s*=\s*("[^"]*"|'[^']*'|[^\s"'>]+)""", re.IGNORECASE)
_IMAGE = re.compile(r"!\[[^\]\[]{0,2000}\]")
#: The title behind an address: [text](address "title").
_TITLE = re.compile(r"""(\]\(\s*<?[^\s()<>"']{0,2000}>?)\s+(?:"[^"]*"|'[^']*'|\([^()]*\))\s*\)""")
#: [text]: address "title", and the comment that some make of it: [//]: # (text).
_DEFINITION = re.compile(r"^( {0,3}\[[^\]\[]{1,999}\]:[ \t]*\S+)[^\n]*$", re.MULTILINE)
_DEFINED_COMMENT = re.compile(r"^ {0,3}\[[^\]\[]{1,999}\]:[ \t]*(?:#|<>)[^\n]*$", re.MULTILINE)
_ESCAPE_SEQUENCE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\x07\x1b]{0,4096}(?:\x07|\x1b\\)?|.)?")
_INVISIBLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0e\ufeff\uffa0\ufff0-\ufffb\ud800-\udfff\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
#: Before a path this reads a file, whatever tools are allowed, wherever a CLI may see a word begin.
_AT = re.compile(r"@(?=[^\s@])")
#: Reads where code is; what is inside of paragraphs takes long and is of no interest.
_FENCES = MarkdownIt("commonmark", {"maxNesting": 60}).disable("inline")


def visible(text: str) -> str:
    """Return what a person sees of `text`, as markdown: no comments, no attributes, no invisible characters.

    Fenced code is shown as it is on the page, so only characters that nobody sees are taken from it.
    """
    text = plain(text)
    return "".join(part if is_code else _seen(part) for is_code, part in _parts(text))


def plain(text: str) -> str:
    """Return `text` without characters that nobody sees: for code, titles and names."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return _INVISIBLE.sub("", _ESCAPE_SEQUENCE.sub("", text))


def inert(text: str) -> str:
    """Return `text` with a space behind each @ that begins a word: `@path` makes a CLI read that file."""
    return _AT.sub("@ ", text)


def shortened(text: str, most: int) -> str:
    """Return at most about `most` characters of `text`, whole lines where there are some, and say so."""
    if len(text) <= most:
        return text
    kept = text[:most]
    line = kept.rfind("\n")
    kept = kept[: line + 1] if line > most // 2 else kept
    return f"{kept.rstrip()}\n[{len(text) - len(kept)} more characters left out]"


def in_code(text: str, most: int = 120) -> str:
    """Return at most `most` characters of `text` as code on one line, which nothing in it can end."""
    line = " ".join(plain(text).split())
    line = line if len(line) <= most else f"{line[:most]}…"
    fence = "`" * (max(map(len, re.findall(r"`+", line)), default=0) + 1)
    # Beside a fence a backtick would be a part of it; markdown takes these spaces away again.
    return f"{fence} {line} {fence}" if line[:1] in {"", "`"} or line[-1] == "`" else f"{fence}{line}{fence}"


def fenced(text: str) -> str:
    """Return `text` in a fence that nothing in it can close."""
    longest = max(map(len, re.findall(r"`+", text)), default=0)
    fence = "`" * max(4, longest + 1)
    return f"{fence}text\n{text.rstrip()}\n{fence}"


def _parts(text: str) -> Iterator[tuple[bool, str]]:
    """Yield what is fenced code and what is not, in order."""
    lines = text.splitlines(keepends=True)
    end = 0
    for token in _FENCES.parse(text):
        if token.type in {"fence", "code_block"} and token.map and token.map[0] >= end:
            yield False, "".join(lines[end : token.map[0]])
            end = token.map[1]
            yield True, "".join(lines[token.map[0] : end])
    yield False, "".join(lines[end:])


def _seen(text: str) -> str:
    text = _COMMENT.sub("", text)
    text = _HIDDEN.sub("", _UNSEEN.sub("", text))
    text = _TAG.sub(_bare, text)
    text = _DEFINITION.sub(r"\1", _DEFINED_COMMENT.sub("", text))
    text = _TITLE.sub(r"\1)", _IMAGE.sub("![]", text))
    # An entity can be any of the characters that were taken out.
    return plain(html.unescape(text))


def _bare(tag: re.Match[str]) -> str:
    """Return a tag with no attribute but where it leads."""
    kept = " ".join(match[0] for match in _ADDRESS.finditer(tag[2]))
    return f"<{tag[1]} {kept}>" if kept else f"<{tag[1]}>"
