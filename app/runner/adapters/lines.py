"""Cut a stream of bytes into lines, in bounded memory whatever is printed."""

from collections.abc import Iterator
from typing import NamedTuple

#: The longest piece of a line that is too long to be held.
PIECE = 64 * 1024


class Line(NamedTuple):
    """One line without its end, or a piece of one."""

    data: bytes
    #: False for the pieces of a line over the limit: they are not to be parsed.
    whole: bool = True


class LineSplitter:
    """Yields lines as they become complete; a line over `limit` bytes comes in pieces as it grows."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held = bytearray()
        self._too_long = False

    def feed(self, data: bytes) -> Iterator[Line]:
        """Take what was read; yield what is complete."""
        head, end, rest = data.partition(b"\n")
        self._held += head
        if not end:
            yield from self._overflow()
            return
        yield from self._finish_line()
        *lines, tail = rest.split(b"\n")
        for line in lines:
            if len(line) > self._limit:
                yield from (Line(piece, whole=False) for piece in pieces(_ended(line)))
            else:
                yield Line(_ended(line))
        self._held += tail
        yield from self._overflow()

    def finish(self) -> Iterator[Line]:
        """The stream has ended: yield what is left, half a line perhaps."""
        if self._held:
            yield from self._finish_line()

    def _finish_line(self) -> Iterator[Line]:
        yield from self._overflow()
        line = bytes(self._held)
        self._held.clear()
        if not self._too_long:
            yield Line(_ended(line))
            return
        self._too_long = False
        if line:
            yield from (Line(piece, whole=False) for piece in pieces(_ended(line)))

    def _overflow(self) -> Iterator[Line]:
        if self._too_long or len(self._held) > self._limit:
            self._too_long = True
            while len(self._held) > PIECE:
                end = boundary(self._held, PIECE)
                yield Line(bytes(self._held[:end]), whole=False)
                del self._held[:end]


def pieces(data: bytes) -> Iterator[bytes]:
    """Cut `data` into pieces of at most PIECE bytes, between characters."""
    start = 0
    while len(data) - start > PIECE:
        end = start + boundary(data[start : start + PIECE + 1], PIECE)
        yield data[start:end]
        start = end
    yield data[start:]


def boundary(data: bytes | bytearray, end: int) -> int:
    """Return the last place at or before `end` that is not inside a UTF-8 character."""
    for place in range(end, max(end - 4, 0), -1):
        if place >= len(data) or data[place] & 0xC0 != 0x80:
            return place
    return end  # not UTF-8 at all: anywhere is as good


def _ended(line: bytes) -> bytes:
    return line.removesuffix(b"\r")
