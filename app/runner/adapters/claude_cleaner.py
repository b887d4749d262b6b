"""Claude Code's output without secrets, also where one is spread over the pieces of a streamed message.

A line is clean by itself. But with partial messages a text comes as a line a piece, and a secret in it as the
end of one piece and the beginning of the next: so a piece that may end in a secret is kept, with all lines
after it, until the next one tells. A line that holds no part of a secret stays as it was, byte for byte.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import orjson

from app.runner.adapters import reading
from app.runner.adapters.reading import Json
from app.security.redact import MASK, Redactor, Span

#: Bytes of lines that wait for one text to go on; then it is taken as it stands.
MOST_HELD = 1024 * 1024
#: A longer line is no piece of a message: it is cleaned as it comes, and not kept.
LONGEST_PIECE = 256 * 1024

_PIECE = b'"content_block_delta"'
_FIELDS = {"text_delta": "text", "thinking_delta": "thinking", "input_json_delta": "partial_json"}


@dataclass(eq=False)
class _Line:
    """One line that waits its turn; where it is a piece of a text, the text and what it was parsed from."""

    data: bytes
    text: bytes = b""
    parsed: Json = field(default_factory=dict)
    settled: bool = True

    def settle(self, text: bytes, redactor: Redactor) -> None:
        """Say what may be shown of its text; what else the line holds is cleaned by itself."""
        self.settled = True
        if text != self.text:
            delta = self.parsed["event"]["delta"]
            delta[_FIELDS[delta["type"]]] = text.decode("utf-8", "replace")
            self.data = orjson.dumps(self.parsed) + b"\n"
        self.data = redactor.clean(self.data)


class _Text:
    """One block of a message, and the pieces of it that are not settled yet."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._pieces: list[_Line] = []

    def add(self, piece: _Line) -> None:
        """Take the next piece, and settle what can be."""
        self._pieces.append(piece)
        whole = b"".join(line.text for line in self._pieces)
        self._settle(self._redactor.spans(whole), self._redactor.safe(whole))

    def end(self) -> None:
        """Nothing follows: settle all."""
        whole = b"".join(line.text for line in self._pieces)
        self._settle(self._redactor.spans(whole), len(whole))

    def _settle(self, spans: Sequence[Span], cut: int) -> None:
        # Up to a boundary of pieces that no secret crosses: what follows is looked at again, by itself.
        ready = place = 0
        for number, line in enumerate(self._pieces, 1):
            place += len(line.text)
            if place <= cut and not any(start < place < end for start, end in spans):
                ready = number
        place = 0
        for line in self._pieces[:ready]:
            line.settle(_shown(line.text, place, spans), self._redactor)
            place += len(line.text)
        del self._pieces[:ready]


class ClaudeCleaner:
    """Bytes in, bytes out, in order."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        #: The beginning of a line; of one that is too long only what the stream keeps.
        self._rest = b""
        self._long = redactor.stream()
        self._too_long = False
        self._waiting: deque[_Line] = deque()
        self._held = 0
        self._texts: dict[tuple[str, int], _Text] = {}

    def feed(self, data: bytes) -> bytes:
        """Take what was printed; return what can be shown."""
        *lines, rest = (self._rest + data).split(b"\n")
        self._rest = b""
        for line in lines:
            self._line(line + b"\n")
        if self._too_long or len(rest) > LONGEST_PIECE:
            self._too_long = True
            self._queue(_Line(self._long.feed(rest)))
        else:
            self._rest = rest
        return self._shown()

    def finish(self) -> bytes:
        """Return the rest: nothing follows it."""
        self._settle_all()
        rest = self._long.feed(self._rest) + self._long.finish()
        self._rest = b""
        return self._shown() + rest

    def _line(self, data: bytes) -> None:
        if self._too_long:
            self._too_long = False
            self._queue(_Line(self._long.feed(data) + self._long.finish()))
            return
        # As it was printed: cleaned by itself, a piece that ends within a token would lose its beginning, by
        # which the rest in the next one is known.
        if _PIECE in data and len(data) <= LONGEST_PIECE and self._piece(data):
            return
        clean = self._redactor.clean(data)
        if b'"stream_event"' not in clean or b'"content_block_stop"' in clean or b'"message_st' in clean:
            self._settle_all()
        self._queue(_Line(clean))

    def _piece(self, data: bytes) -> bool:
        """Queue a piece of a text; False where it is none after all."""
        try:
            parsed = orjson.loads(data)
            event = reading.obj(parsed, "event")
            delta, lane = reading.obj(event, "delta"), reading.string(parsed, "parent_tool_use_id")
            text = delta[_FIELDS[delta["type"]]].encode("utf-8", "surrogatepass")
            block = (lane, int(event["index"]))
        except (LookupError, TypeError, ValueError, AttributeError):
            return False
        line = _Line(data, text, parsed, settled=False)
        self._queue(line)
        if block not in self._texts:
            self._texts[block] = _Text(self._redactor)
        self._texts[block].add(line)
        return True

    def _settle_all(self) -> None:
        for text in self._texts.values():
            text.end()
        self._texts.clear()

    def _queue(self, line: _Line) -> None:
        self._waiting.append(line)
        self._held += len(line.data)
        if self._held > MOST_HELD:
            self._settle_all()

    def _shown(self) -> bytes:
        shown = []
        while self._waiting and self._waiting[0].settled:
            shown.append(self._waiting.popleft().data)
        self._held = sum(len(line.data) for line in self._waiting)
        return b"".join(shown)


def _shown(text: bytes, start: int, spans: Sequence[Span]) -> bytes:
    """Return what is shown of a piece that begins at `start`: a secret is masked where it begins."""
    pieces, place = [], 0
    for begin, end in spans:
        first, last = max(begin - start, 0), min(end - start, len(text))
        if first < len(text) and last > 0:
            pieces += [text[place:first], MASK.encode() if begin >= start else b""]
            place = last
    return b"".join([*pieces, text[place:]])
