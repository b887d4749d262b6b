"""The end of a CLI's output, kept in bounded memory."""

from collections import deque

_KEPT = 4096
_LINES = 64


class Tail:
    """Remembers the last lines of a text, up to a few kilobytes."""

    def __init__(self) -> None:
        self._lines: deque[str] = deque(maxlen=_LINES)

    def add(self, line: str) -> None:
        """Append one line."""
        self._lines.append(line[-_KEPT:])

    @property
    def text(self) -> str:
        """What is kept, without the blank lines around it."""
        return "\n".join(self._lines)[-_KEPT:].strip()

    @property
    def last_line(self) -> str:
        """The last line that says something."""
        return self.text.rpartition("\n")[2].strip()
