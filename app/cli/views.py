"""Where a followed Task is shown: as text, or as JSON for programs."""

import sys
from typing import Any, TextIO

import orjson
from rich.console import Console

from app.cli.stream import Message
from app.cli.transcript import Transcript
from app.cli.wording import DIM


def shows_colours(stream: TextIO) -> bool:
    """Whether `stream` is a terminal that shows colours, and nobody asked for none (NO_COLOR)."""
    console = Console(file=stream)
    return console.is_terminal and console.color_system is not None and not console.no_color


class TextView:
    """For people."""

    def __init__(self) -> None:
        self._transcript = Transcript(colours=shows_colours(sys.stdout))
        self._dims = shows_colours(sys.stderr)

    def message(self, message: Message) -> None:
        """Write what is new, all of a message at once."""
        match message["type"]:
            case "events":
                _write("".join(map(self._transcript.event, message["events"])))
            case "task":
                _write(self._transcript.task(message["task"]))

    def end(self, task: dict[str, Any]) -> None:
        """Write how it went."""
        _write(self._transcript.end(task))

    def close(self) -> None:
        """End the line that is open."""
        _write(self._transcript.rest())

    def aside(self, text: str) -> None:
        """Write to stderr, on a line of its own."""
        self.close()
        _aside(f"{DIM}{text}\x1b[0m" if self._dims and text else text)


class JsonView:
    """For programs: the messages of the WebSocket, one a line; the last one holds the Task."""

    def message(self, message: Message) -> None:
        """Write it."""
        _write_json(message)

    def end(self, task: dict[str, Any]) -> None:
        """Write how it went."""
        _write_json({"type": "end", "state": task["state"], "last_seq": task["last_seq"], "task": task})

    def aside(self, text: str) -> None:
        """Write to stderr."""
        if text:
            _aside(text)


def _write(text: str) -> None:
    if text:
        sys.stdout.write(text)
        sys.stdout.flush()


def _write_json(value: object) -> None:
    _write(orjson.dumps(value).decode() + "\n")


def _aside(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
