"""Those who look: WebSockets that break and come back with the last seq they have."""

import hashlib
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import websocket

from tests.chaos.load import Load
from tests.chaos.plant import TOKEN, Plant

#: Every so many accepted Tasks has somebody who looks at it.
_EVERY = 2
#: Seconds without a frame after which one looks whether the connection is still there.
_SILENCE = 8.0


@dataclass
class Seen:
    """What one viewer got of one Task, over all its connections."""

    task_id: str
    #: A digest of each Event, by seq.
    events: dict[int, str] = field(default_factory=dict)
    last: int = 0
    ended: bool = False
    connections: int = 0
    #: What came twice, out of order, or after a hole.
    wrong: list[str] = field(default_factory=list)

    def take(self, event: dict[str, Any]) -> None:
        """Take one Event, which has to be the next."""
        if event["seq"] != self.last + 1:
            self.wrong.append(f"{self.task_id}: {event['seq']} after {self.last}")
        self.last = event["seq"]
        self.events[self.last] = digest(event)


def digest(event: dict[str, Any]) -> str:
    """Return what two equal Events share."""
    return hashlib.sha256(json.dumps(event, sort_keys=True).encode()).hexdigest()[:16]


class Viewers:
    """A few at a time, each stays with a Task until its end."""

    def __init__(self, plant: Plant, load: Load, *, count: int) -> None:
        self.seen: dict[str, Seen] = {}
        self._plant = plant
        self._load = load
        self._free = threading.Lock()
        self._open: dict[int, websocket.WebSocket] = {}
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._look, daemon=True) for _ in range(count)]

    def start(self) -> None:
        """Begin to look."""
        for thread in self._threads:
            thread.start()

    def drop(self) -> None:
        """Break every connection without a goodbye."""
        for connection in list(self._open.values()):
            connection.shutdown()  # type: ignore[no-untyped-call]

    def finish(self) -> None:
        """Everything is over: each that looked comes back once for what is left."""
        self._ended.set()
        self.drop()
        for thread in self._threads:
            thread.join()
        for seen in self.seen.values():
            self._follow(seen, tries=5)

    def _look(self) -> None:
        while not self._ended.is_set():
            seen = self._next()
            if seen is None:
                self._ended.wait(0.1)
                continue
            while not (seen.ended or self._ended.is_set()):
                self._follow(seen, tries=1)
                self._ended.wait(0.1)

    def _next(self) -> Seen | None:
        with self._free:
            for task_id in list(self._load.accepted)[::_EVERY]:
                if task_id not in self.seen:
                    self.seen[task_id] = Seen(task_id)
                    return self.seen[task_id]
        return None

    def _follow(self, seen: Seen, *, tries: int) -> None:
        for left in reversed(range(tries)):
            try:
                for frame in self._frames(seen):
                    self._take(seen, frame)
            except (OSError, websocket.WebSocketException):
                if left:
                    time.sleep(0.3)
            else:
                return

    def _take(self, seen: Seen, frame: dict[str, Any]) -> None:
        match frame["type"]:
            case "events":
                for event in frame["events"]:
                    seen.take(event)
            case "end":
                seen.ended = True
                if frame["last_seq"] != seen.last:
                    seen.wrong.append(f"{seen.task_id}: the end at {frame['last_seq']}, after {seen.last}")

    def _frames(self, seen: Seen) -> Iterator[dict[str, Any]]:
        url = f"ws://{self._plant.base}/ws/tasks/{seen.task_id}?after={seen.last}"
        connection = websocket.create_connection(
            url, timeout=_SILENCE, header=[f"Authorization: Bearer {TOKEN}"]
        )
        me = threading.get_ident()
        self._open[me] = connection
        seen.connections += 1
        try:
            while text := connection.recv():
                yield json.loads(text)
        finally:
            self._open.pop(me, None)
            connection.shutdown()  # type: ignore[no-untyped-call]
