"""Channel names and the Notice: what travels over pub/sub. A Notice is an echo; losing one loses nothing."""

from dataclasses import dataclass

import orjson

from app.domain.task import SessionId, TaskId

#: State changes of all Tasks.
TASKS = "errand:tasks"


def session_channel(session_id: SessionId) -> str:
    """Events and state changes of the Tasks of one Session."""
    return f"errand:session:{session_id}"


@dataclass(frozen=True)
class Notice:
    """Tells that rows were committed: Events first_seq..last_seq of a Task, or (first_seq 0) its state.

    `payload` is the JSON array of the Events as stored, or empty where it was too large to publish
    and is read from the rows.
    """

    task_id: TaskId
    session_id: SessionId
    last_seq: int
    first_seq: int = 0
    payload: bytes = b""

    def encode(self) -> bytes:
        """Return a line of JSON, a newline, and the payload as it is: the hub never parses that again."""
        head = [self.task_id, self.session_id, self.first_seq, self.last_seq]
        return orjson.dumps(head) + b"\n" + self.payload

    @classmethod
    def decode(cls, data: bytes) -> "Notice":
        """The inverse of `encode`; raises ValueError for anything else."""
        head, _, payload = data.partition(b"\n")
        match orjson.loads(head):
            case [str(task_id), str(session_id), int(first_seq), int(last_seq)] if _plausible(payload):
                return cls(TaskId(task_id), SessionId(session_id), last_seq, first_seq, payload)
        raise ValueError("not a Notice")


def _plausible(payload: bytes) -> bool:
    """Whether this may be sent on as a JSON array without a look at what is in it."""
    return not payload or (payload.startswith(b"[{") and payload.endswith(b"}]"))
