"""Events and raw output of Attempts: append under the fence, read back in order."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, cast

import orjson
import zstandard
from sqlalchemy import Connection, func, insert, select, update

from app.clock import rfc3339
from app.db.rows import chunks, outputs, tasks
from app.domain.event import Event, Record, Status
from app.domain.task import TaskId, TaskState
from app.errors import LeaseLost, NotFound

#: A page of Events ends after this many bytes of JSON even if `limit` would allow more.
PAGE_BYTES = 4 * 1024 * 1024
#: What one Chunk holds, unless a single Event is larger.
PAYLOAD_BYTES = 256 * 1024


@dataclass(frozen=True)
class Batch:
    """What one Attempt printed since the last append: numbered Events and the stdout bytes as they came."""

    task_id: TaskId
    attempt: int
    #: seq of the Event before the first of this Batch, and of its last (the same: no Event).
    after: int
    last_seq: int
    #: The Events as `encode` gives them.
    payload: bytes = b""
    #: Offset of `stdout` in all the Attempt has printed.
    start: int = 0
    stdout: bytes = b""


@dataclass(frozen=True)
class Chunk:
    """A stored batch: `payload` is a JSON array of the Events first_seq..last_seq."""

    first_seq: int
    last_seq: int
    payload: bytes


def number(events: Sequence[Event], *, after: int, attempt: int, at: datetime) -> list[Record]:
    """Give `events` their seq (from after + 1), attempt and time."""
    stamp = rfc3339(at)
    return [
        {"seq": seq, "attempt": attempt, "at": stamp, **event.model_dump(exclude_none=True)}
        for seq, event in enumerate(events, after + 1)
    ]


def encode(records: Sequence[Record]) -> bytes:
    """Return the JSON array that is stored, published and sent."""
    return orjson.dumps(records, default=_plain)


def encode_one(record: Record) -> bytes:
    """Return one item of that array."""
    return orjson.dumps(record, default=_plain)


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return float(value)
    raise TypeError(f"no JSON for {type(value).__name__}")


def append(c: Connection, batch: Batch) -> bool:
    """Store `batch`; return whether somebody asked to cancel. Raises LeaseLost where the fence says no.

    Safe to ask again after an Unavailable: what is stored already is recognised, never doubled.
    """
    fence = (
        tasks.c.id == batch.task_id,
        tasks.c.attempt == batch.attempt,
        tasks.c.state == TaskState.RUNNING,
    )
    row = c.execute(
        update(tasks)
        .where(*fence, tasks.c.last_seq == batch.after)
        .values(last_seq=batch.last_seq)
        .returning(tasks.c.cancel_requested)
    ).first()
    if row is None:
        row = c.execute(
            select(tasks.c.cancel_requested).where(*fence, tasks.c.last_seq == batch.last_seq)
        ).first()
        if row is None:
            raise LeaseLost
        return bool(row.cancel_requested)
    if batch.stdout and _output_size(c, batch.task_id, batch.attempt) == batch.start:
        _insert_output(c, batch)
    if batch.last_seq > batch.after:
        _insert_chunk(c, batch)
    return bool(row.cancel_requested)


def append_status(c: Connection, task_id: TaskId, state: TaskState, detail: str, at: datetime) -> None:
    """Store a status Event as the Task's next one; the caller holds the row by an UPDATE before."""
    row = c.execute(
        update(tasks)
        .where(tasks.c.id == task_id)
        .values(last_seq=tasks.c.last_seq + 1)
        .returning(tasks.c.last_seq, tasks.c.attempt)
    ).one()
    event = Status(state=state, detail=detail)
    insert_chunk(c, task_id, row.attempt, number([event], after=row.last_seq - 1, attempt=row.attempt, at=at))


def insert_chunk(c: Connection, task_id: TaskId, attempt: int, records: Sequence[Record]) -> None:
    """Store numbered Events; only for callers that moved last_seq in the same transaction."""
    first, last = records[0]["seq"], records[-1]["seq"]
    _insert_chunk(c, Batch(task_id, attempt, first - 1, last, encode(records)))


def _insert_chunk(c: Connection, batch: Batch) -> None:
    c.execute(
        insert(chunks).values(
            task_id=batch.task_id,
            first_seq=batch.after + 1,
            last_seq=batch.last_seq,
            attempt=batch.attempt,
            payload=_compress(batch.payload),
        )
    )


def _insert_output(c: Connection, batch: Batch) -> None:
    c.execute(
        insert(outputs).values(
            task_id=batch.task_id,
            attempt=batch.attempt,
            start=batch.start,
            size=len(batch.stdout),
            payload=_compress(batch.stdout),
        )
    )


def _output_size(c: Connection, task_id: TaskId, attempt: int) -> int:
    mine = select(outputs.c.start + outputs.c.size).where(
        outputs.c.task_id == task_id, outputs.c.attempt == attempt
    )
    return cast("int", c.execute(mine.order_by(outputs.c.start.desc()).limit(1)).scalar() or 0)


def read_chunks(c: Connection, task_id: TaskId, after: int, *, max_bytes: int = PAGE_BYTES) -> list[Chunk]:
    """Return the Chunks that hold seq > `after`, in order, about `max_bytes` of them, at least one if any.

    The first may begin before `after`; it is the reader's to cut.
    """
    found: list[Chunk] = []
    size = 0
    query = select(chunks.c.first_seq, chunks.c.last_seq, chunks.c.payload)
    query = query.where(chunks.c.task_id == task_id, chunks.c.last_seq > after).order_by(chunks.c.last_seq)
    with c.execution_options(stream_results=True, yield_per=16).execute(query) as rows:
        for row in rows:
            chunk = Chunk(row.first_seq, row.last_seq, _decompress(row.payload))
            found.append(chunk)
            size += len(chunk.payload)
            if size >= max_bytes:
                break
    return found


def read(c: Connection, task_id: TaskId, *, after: int = 0, limit: int = 200) -> list[Record]:
    """Return up to `limit` Events with seq > `after`, in order; fewer where they are large, one at least."""
    records: list[Record] = []
    size = 0
    while len(records) < limit and size < PAGE_BYTES:
        at_once = min(PAGE_BYTES - size, 64 * 1024 * (1 + limit // 100))
        batch = read_chunks(c, task_id, after, max_bytes=at_once)
        if not batch:
            break
        records += [r for chunk in batch for r in decode(chunk.payload) if r["seq"] > after]
        after = batch[-1].last_seq
        size += sum(len(chunk.payload) for chunk in batch)
    return records[:limit]


def decode(payload: bytes) -> list[Record]:
    """The inverse of `encode`."""
    return cast("list[Record]", orjson.loads(payload))


def last_seq(c: Connection, task_id: TaskId) -> tuple[int, TaskState]:
    """Return the seq of the newest Event and the Task's state; raises NotFound."""
    row = c.execute(select(tasks.c.last_seq, tasks.c.state).where(tasks.c.id == task_id)).first()
    if row is None:
        raise NotFound(f"There is no task {task_id}.")
    return row.last_seq, TaskState(row.state)


def positions(c: Connection, task_ids: Sequence[TaskId]) -> dict[TaskId, tuple[int, TaskState]]:
    """Return (last_seq, state) of each known Task in `task_ids`."""
    query = select(tasks.c.id, tasks.c.last_seq, tasks.c.state).where(tasks.c.id.in_(task_ids))
    return {row.id: (row.last_seq, TaskState(row.state)) for row in c.execute(query)}


def read_output(c: Connection, task_id: TaskId, *, attempt: int, start: int, max_bytes: int) -> bytes:
    """Return one Attempt's stdout from offset `start`: whole stored pieces, about `max_bytes`."""
    mine = (outputs.c.task_id == task_id, outputs.c.attempt == attempt, outputs.c.start >= start)
    query = select(outputs.c.payload, outputs.c.size).where(*mine).order_by(outputs.c.start)
    pieces: list[bytes] = []
    with c.execution_options(stream_results=True, yield_per=4).execute(query) as rows:
        for row in rows:
            pieces.append(_decompress(row.payload))
            if sum(map(len, pieces)) >= max_bytes:
                break
    return b"".join(pieces)


def output_attempts(c: Connection, task_id: TaskId) -> list[tuple[int, int]]:
    """Return (attempt, bytes of stdout stored) in order, for the Attempts that printed anything."""
    size = func.max(outputs.c.start + outputs.c.size)
    query = select(outputs.c.attempt, size).where(outputs.c.task_id == task_id)
    return [
        (row[0], row[1]) for row in c.execute(query.group_by(outputs.c.attempt).order_by(outputs.c.attempt))
    ]


def _compress(data: bytes) -> bytes:
    return zstandard.ZstdCompressor(level=3).compress(data)


def _decompress(data: Any) -> bytes:
    return zstandard.ZstdDecompressor().decompress(bytes(data))


def payloads(records: Sequence[Record], size: int = PAYLOAD_BYTES) -> Iterator[tuple[int, bytes]]:
    """Yield (last seq, JSON array) of parts of up to `size` bytes; an Event that is larger stands alone."""
    part: list[bytes] = []
    weight = 1
    for record in records:
        encoded = encode_one(record)
        if part and weight + len(encoded) + 1 > size:
            yield record["seq"] - 1, _array(part)
            part, weight = [], 1
        part.append(encoded)
        weight += len(encoded) + 1
    if part:
        yield records[-1]["seq"], _array(part)


def _array(encoded: Sequence[bytes]) -> bytes:
    return b"[" + b",".join(encoded) + b"]"
