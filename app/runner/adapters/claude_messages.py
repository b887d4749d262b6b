"""What the agent says and does: the messages in Claude Code's lines, streamed and whole."""

from typing import Any

from app.domain.event import Notice, Text, Thinking, ToolCall, ToolResult, Usage
from app.domain.task import Tokens
from app.runner.adapters import reading, storable
from app.runner.adapters.claude_accounts import Meter
from app.runner.adapters.claude_blocks import BlockKind, StreamedBlocks
from app.runner.adapters.event_batch import EventBatch
from app.runner.adapters.reading import Json
from app.runner.adapters.tail import Tail

_DELTAS: dict[str, tuple[BlockKind, str]] = {
    "text_delta": ("text", "text"),
    "thinking_delta": ("thinking", "thinking"),
}
_SILENT_STREAM = frozenset({"ping", "content_block_start", "content_block_stop", "message_stop"})


class ClaudeMessages:
    """Reads `stream_event`, `assistant` and `user` lines into `batch`.

    Its methods return whether the line was one they know, and raise anything where it is of a wrong shape.
    """

    def __init__(self, batch: EventBatch, tail: Tail) -> None:
        self._batch = batch
        self._tail = tail
        self._blocks = StreamedBlocks()
        self._meter = Meter()
        #: The last `assistant` line, if it reported an error of the API.
        self.error: Json = {}

    @property
    def tokens(self) -> Tokens:
        """What was used so far, by the messages' own count."""
        return self._meter.total

    def stream_event(self, line: Json) -> bool:
        """Read a piece of a message as it is being made."""
        event = line["event"]
        lane = reading.string(line, "parent_tool_use_id")
        match event["type"]:
            case "content_block_delta":
                self._delta(lane, event["index"], event["delta"])
            case "message_start":
                message = reading.obj(event, "message")
                self._blocks.start(lane, reading.string(message, "id"))
                self._meter.see(self._blocks.message_id(lane) or lane, reading.obj(message, "usage"))
            case "message_delta":
                self._meter.see(self._blocks.message_id(lane) or lane, reading.obj(event, "usage"))
                self._tell_usage()
            case other:
                return other in _SILENT_STREAM
        return True

    def assistant(self, line: Json) -> bool:
        """Read a message that is complete, or one block of it."""
        message = line["message"]
        content = message["content"]
        self.error = line if line.get("error") or line.get("is_api_error_message") else {}
        if isinstance(content, str):
            content = [{"type": "text", "text": content}]
        lane, message_id = reading.string(line, "parent_tool_use_id"), reading.string(message, "id")
        for block in content:
            self._content(lane, message_id, block)
        if message_id != self._blocks.message_id(lane):
            # Nobody streams this message: its own count is the only one.
            self._meter.see(message_id, reading.obj(message, "usage"))
            self._tell_usage()
        return True

    def user(self, line: Json) -> bool:
        """Read what tools answered; the user's own words are known already."""
        content = line["message"]["content"]
        if isinstance(content, list):
            for block in content:
                if isinstance(block, dict) and reading.string(block, "type").endswith("tool_result"):
                    self._tool_result(block)
        return isinstance(content, list | str)

    def _delta(self, lane: str, index: int, delta: Json) -> None:
        kind, field = _DELTAS.get(reading.string(delta, "type"), (None, ""))
        text = reading.string(delta, field)
        if kind and text:
            self._batch.delta(kind, self._blocks.delta(lane, int(index), kind, text), text)

    def _content(self, lane: str, message_id: str, block: Any) -> None:
        kind = reading.string(block, "type") if isinstance(block, dict) else ""
        if kind == "text" and self.error:
            self._batch.add(Notice(code="api_error", text=storable.shortened(reading.string(block, "text"))))
        elif kind == "text":
            self._tail.add(reading.string(block, "text"))
            self._whole_text(lane, message_id, "text", reading.string(block, "text"))
        elif kind == "thinking":
            self._whole_text(lane, message_id, "thinking", reading.string(block, "thinking"))
        elif kind.endswith("tool_use"):
            self._tool_call(block)
        elif kind.endswith("tool_result"):
            self._tool_result(block)
        elif kind != "redacted_thinking":
            self._batch.raw(storable.as_text(block).encode("utf-8", "replace"))

    def _whole_text(self, lane: str, message_id: str, kind: BlockKind, text: str) -> None:
        """Show a block of a finished message, or what of it was not streamed already."""
        block, rest = self._blocks.confirm(lane, message_id, kind, text)
        if not rest:
            return
        if block is None and len(rest) <= storable.PART:
            shown = storable.text(rest)
            self._batch.add(Text(text=shown) if kind == "text" else Thinking(text=shown))
        else:
            self._batch.delta(kind, block or self._blocks.name(message_id, "whole"), rest)

    def _tool_call(self, block: Json) -> None:
        self._batch.add(
            ToolCall(
                id=storable.name(reading.string(block, "id")),
                name=storable.name(reading.string(block, "name")),
                input=storable.json_value(block.get("input")),
            )
        )

    def _tool_result(self, block: Json) -> None:
        self._batch.add(
            ToolResult(
                id=storable.name(reading.string(block, "tool_use_id")),
                ok=not block.get("is_error"),
                text=storable.shortened(_result_text(block.get("content"))),
            )
        )

    def _tell_usage(self) -> None:
        if self._meter.changed():
            self._batch.add(Usage(**self._meter.total.model_dump()))


def _result_text(content: Any) -> str:
    if not isinstance(content, list):
        return "" if content is None else storable.as_text(content)
    return "\n".join(_part_text(part) for part in content)


def _part_text(part: Any) -> str:
    if not isinstance(part, dict):
        return storable.as_text(part)
    kind = reading.string(part, "type")
    return reading.string(part, "text") if kind == "text" else f"[{kind or 'something'}]"
