"""What others printed, made safe for a terminal: text and colours pass, everything that acts does not."""

import re

#: What a string sequence (OSC, DCS, APC ...) may hold: it ends at the end of its line at the latest, or one
#: that is never closed would swallow the rest of what the agent says.
_IN_STRING = r"[^\x07\x18\x1a\x1b\x80-\x9f\n]"

_SEQUENCE = re.compile(
    rf"""
      (?:\x1b\[|\x9b) (?P<parameters>[0-?]*) (?P<more>[ -/]*) (?P<final>[@-~])  # CSI: colours, cursor, modes
    | (?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f]) {_IN_STRING}* (?:\x07|\x1b\\|\x9c)?  # OSC and its like
    | \x1b [ -/]* [0-~]?                                                        # every other escape
    | (?P<line>\r\n?)
    | [\x00-\x08\x0b-\x1f\x7f-\x9f]                                             # BEL, backspace, C1 ...
    | [\u202a-\u202e\u2066-\u2069]                                              # what turns text around
    | [\ud800-\udfff]                                                           # half a character
    """,
    re.VERBOSE,
)
#: The beginning of a sequence whose end may be in the next piece.
_UNFINISHED = re.compile(
    rf"(?:\r|(?P<string>\x1b[\]PX^_]|[\x90\x98\x9d-\x9f]){_IN_STRING}*\x1b?"
    r"|(?:\x1b\[|\x9b)[0-?]{0,64}[ -/]{0,8}|\x1b[ -/]{0,8})\Z"
)

#: Bold, dim, italic, underlined, reversed, struck; not hidden, not blinking.
_ATTRIBUTES = frozenset({0, 1, 2, 3, 4, 7, 9, *range(21, 25), 27, 29})
_COLOURS = frozenset({*range(30, 38), 39, *range(40, 48), 49, *range(90, 98), *range(100, 108)})
_EXTENDED = frozenset({38, 48})

RESET = "\x1b[0m"


class Sanitiser:
    """Takes text in pieces, as it streams: a sequence may be cut anywhere.

    `colours` off drops colours too. A reset is followed by `base`, so that what is shown dim stays dim.
    """

    def __init__(self, *, colours: bool, base: str = "") -> None:
        self._colours = colours
        self._base = base
        self._pending = ""

    def feed(self, text: str) -> str:
        """Return what of `text` may be shown now."""
        text = self._pending + text
        cut = _UNFINISHED.search(text)
        self._pending = ""
        if cut is not None:
            # The content of a string is dropped anyway: only remember that we are inside of one.
            inside = cut["string"]
            escape = "\x1b" if inside and cut[0][len(inside) :].endswith("\x1b") else ""
            self._pending = f"{inside}{escape}" if inside else cut[0]
            text = text[: cut.start()]
        return _SEQUENCE.sub(self._passed, text)

    def finish(self) -> str:
        """Return what is left at the end: a line break, or nothing."""
        pending, self._pending = self._pending, ""
        return "\n" if pending == "\r" else ""

    def _passed(self, found: re.Match[str]) -> str:
        if found["line"]:
            return "\n"
        if found["final"] != "m" or found["more"] or not self._colours:
            return ""
        codes = _kept(found["parameters"])
        if not codes:
            return ""
        return f"\x1b[{codes}m" + (self._base if "0" in codes.split(";") else "")


def plain(text: str) -> str:
    """Return `text` without anything but text, whole."""
    sanitiser = Sanitiser(colours=False)
    return sanitiser.feed(text) + sanitiser.finish()


def one_line(text: str, width: int) -> str:
    """Return `text` as one plain line of at most `width` characters."""
    # The beginning is enough: what is shown is short, what agents print may be megabytes.
    line = " ".join(plain(text[: 8 * width]).split())
    return line if len(line) <= width else f"{line[: width - 1]}…"


def _kept(parameters: str) -> str:
    """Return those parameters of a colour sequence that only colour."""
    numbers = [part or "0" for part in parameters.split(";")]
    if not all(number.isascii() and number.isdigit() and len(number) < 4 for number in numbers):
        return ""
    kept: list[str] = []
    codes = [int(number) for number in numbers]
    while codes:
        code = codes.pop(0)
        if code in _ATTRIBUTES or code in _COLOURS:
            kept.append(str(code))
        elif code in _EXTENDED and codes:
            size = {5: 2, 2: 4}.get(codes[0], 0)
            if not size or len(codes) < size:
                break
            kept += [str(code), *map(str, codes[:size])]
            del codes[:size]
        else:
            continue
    return ";".join(kept)
