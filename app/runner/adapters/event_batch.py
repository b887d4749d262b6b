"""The Events of one feed: deltas of one block that come together are one Event."""

from app.domain.event import Event, Raw, Text, Thinking
from app.runner.adapters import storable
from app.runner.adapters.claude_blocks import BlockKind
from app.runner.adapters.lines import pieces

_TEXTS = {"text": Text, "thinking": Thinking}


class EventBatch:
    """Collects Events in order until they are taken."""

    def __init__(self) -> None:
        self._events: list[Event] = []
        self._kind: BlockKind = "text"
        self._block: str | None = None
        self._deltas: list[str] = []

    def add(self, event: Event) -> None:
        """Append one Event."""
        self._flush()
        self._events.append(event)

    def delta(self, kind: BlockKind, block: str, text: str) -> None:
        """Append a piece of a block's text to what came just before, if that was the same block."""
        if block != self._block or kind != self._kind:
            self._flush()
            self._kind, self._block = kind, block
        self._deltas.append(text)

    def raw(self, data: bytes) -> None:
        """Append a line that is not understood, in pieces where it is long."""
        for piece in pieces(data):
            self.add(Raw(text=storable.decoded(piece)))

    def take(self) -> list[Event]:
        """Return what was collected, and begin again."""
        self._flush()
        events, self._events = self._events, []
        return events

    def _flush(self) -> None:
        if self._deltas:
            event = _TEXTS[self._kind]
            for part in storable.parts("".join(self._deltas)):
                self._events.append(event(text=part, block=self._block))
            self._deltas = []
        self._block = None
