"""Which text was streamed already, so that the whole message after it is not shown twice.

The stream numbers the blocks of a message; the `assistant` lines that follow repeat them one by one without
the number. A block is recognised by its message, its kind and its very text: an id alone may repeat.
"""

import hashlib
from dataclasses import dataclass, field
from typing import Literal

from app.runner.adapters import storable

BlockKind = Literal["text", "thinking"]

# Subagents stream side by side, so there are a few messages at once; a CLI gone wild must not fill memory.
_LANES = 64
_BLOCKS = 1024
_NAMES = 4096


@dataclass
class _Block:
    kind: BlockKind
    name: str
    length: int = 0
    digest: "hashlib._Hash" = field(default_factory=hashlib.sha256)

    def add(self, text: str) -> None:
        self.length += len(text)
        self.digest.update(_encoded(text))

    def begins(self, text: str) -> bool:
        """Whether what was streamed is the beginning (or all) of `text`."""
        if self.length > len(text):
            return False
        return hashlib.sha256(_encoded(text[: self.length])).digest() == self.digest.digest()


@dataclass
class _Message:
    id: str
    blocks: dict[int, _Block] = field(default_factory=dict)


class StreamedBlocks:
    """The blocks of the messages being streamed; a lane is the main thread or one subagent."""

    def __init__(self) -> None:
        self._lanes: dict[str, _Message] = {}
        self._names: dict[str, int] = {}

    def start(self, lane: str, message_id: str) -> None:
        """A message begins in this lane."""
        self._lanes.pop(lane, None)
        self._lanes[lane] = _Message(message_id)
        if len(self._lanes) > _LANES:
            self._lanes.pop(next(iter(self._lanes)))

    def message_id(self, lane: str) -> str:
        """Return the id of the message being streamed in this lane; empty where there is none."""
        message = self._lanes.get(lane)
        return message.id if message else ""

    def delta(self, lane: str, index: int, kind: BlockKind, text: str) -> str:
        """Take a piece of a block; return the block's name."""
        if lane not in self._lanes:
            self.start(lane, "")
        message = self._lanes[lane]
        block = message.blocks.get(index)
        if block is None or block.kind != kind:
            block = message.blocks[index] = _Block(kind, self.name(message.id, index))
            if len(message.blocks) > _BLOCKS:
                message.blocks.pop(next(iter(message.blocks)))
        block.add(text)
        return block.name

    def confirm(self, lane: str, message_id: str, kind: BlockKind, text: str) -> tuple[str | None, str]:
        """Take a whole block; return the name of the block it belongs to, and what of it was not streamed."""
        message = self._lanes.get(lane)
        if message is None or message.id not in ("", message_id):
            return None, text
        for index, block in message.blocks.items():
            if block.kind == kind and block.begins(text):
                del message.blocks[index]
                return block.name, text[block.length :]
        return None, text

    def name(self, message_id: str, index: int | str) -> str:
        """Return a name that no earlier block has."""
        name = f"{storable.name(message_id) or 'message'}:{index}"
        times = self._names.pop(name, 0) + 1
        self._names[name] = times
        if len(self._names) > _NAMES:
            self._names.pop(next(iter(self._names)))
        return name if times == 1 else f"{name}~{times}"


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
