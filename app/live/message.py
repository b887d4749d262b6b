"""The JSON text messages a Viewer is sent. A payload of Events passes through as it is stored."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import orjson

from app.db import events
from app.domain.task import Attempt, Task, TaskId, TaskState
from app.domain.view import task_json


@dataclass(frozen=True)
class Batch:
    """Events first_seq..last_seq of a Task; `message` is built once for all Viewers that need all of it."""

    task_id: TaskId
    first_seq: int
    last_seq: int
    payload: bytes

    @cached_property
    def message(self) -> bytes:
        """The events message with the whole Batch."""
        return events_message(self.task_id, self.payload)

    def after(self, seq: int) -> bytes:
        """Return the events message with what comes after `seq`; parsed only where it has to be cut."""
        if seq < self.first_seq:
            return self.message
        rest = [record for record in events.decode(self.payload) if record["seq"] > seq]
        return events_message(self.task_id, events.encode(rest))


def events_message(task_id: TaskId, payload: bytes) -> bytes:
    """Wrap a JSON array of Events."""
    return b'{"type":"events","task_id":"%s","events":%s}' % (task_id.encode(), payload)


def task_message(task: Task, attempts: Sequence[Attempt]) -> bytes:
    """Show a Task as it is now."""
    return orjson.dumps({"type": "task", "task": task_json(task, attempts)})


def end_message(state: TaskState, last_seq: int) -> bytes:
    """Say that the Task is final and all its Events were sent."""
    return orjson.dumps({"type": "end", "state": state, "last_seq": last_seq})
