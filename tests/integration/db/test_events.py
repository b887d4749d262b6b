"""Chunks and raw output: in order, no hole, no double."""

from decimal import Decimal

import pytest

from app.clock import utcnow
from app.db import events, tasks
from app.db.engine import Database
from app.db.runs import Claim
from app.domain.event import Event, Raw, Record, Text, ToolCall, Usage
from app.errors import LeaseLost


def batch(claim: Claim, after: int, new: list[Event], start: int = 0, stdout: bytes = b"") -> events.Batch:
    """Return what a run would append."""
    records = events.number(new, after=after, attempt=claim.attempt, at=utcnow())
    return events.Batch(
        claim.task.id, claim.attempt, after, after + len(new), events.encode(records), start, stdout
    )


def test_what_is_appended_is_read_back(db: Database, claimed: Claim) -> None:
    """Events of many Chunks come back as one numbered sequence, by any page size."""
    after = claimed.task.last_seq
    for n in range(20):
        new: list[Event] = [Raw(text=f"line {n}.{i}") for i in range(n % 4 + 1)]
        db.write(events.append, batch(claimed, after, new))
        after += len(new)
    whole = db.read(events.read, claimed.task.id, limit=1000)
    assert [record["seq"] for record in whole] == list(range(1, after + 1))
    for limit in (1, 7, 200):
        pages, seq = [], 0
        while page := db.read(events.read, claimed.task.id, after=seq, limit=limit):
            assert len(page) <= limit
            pages += page
            seq = page[-1]["seq"]
        assert pages == whole
    assert db.read(events.last_seq, claimed.task.id)[0] == after


def test_an_append_that_is_asked_twice_is_stored_once(db: Database, claimed: Claim) -> None:
    """After a commit whose answer was lost, the same Batch changes nothing."""
    one = batch(claimed, 1, [Text(text="a")], 0, b"abc")
    db.write(events.append, one)
    db.write(events.append, one)
    only_output = batch(claimed, 2, [], 3, b"de")
    db.write(events.append, only_output)
    db.write(events.append, only_output)
    assert [record["seq"] for record in db.read(events.read, claimed.task.id)] == [1, 2]
    output = db.read(events.read_output, claimed.task.id, attempt=1, start=0, max_bytes=100)
    assert output == b"abcde"
    assert db.read(events.output_attempts, claimed.task.id) == [(1, 5)]


def test_a_hole_is_refused(db: Database, claimed: Claim) -> None:
    """A Batch that does not follow what is stored is not ours to write."""
    with pytest.raises(LeaseLost):
        db.write(events.append, batch(claimed, 5, [Text(text="a")]))
    assert db.read(events.last_seq, claimed.task.id)[0] == 1


def test_append_tells_of_a_cancel(db: Database, claimed: Claim) -> None:
    """A chatty run hears of it with its next commit."""
    assert db.write(events.append, batch(claimed, 1, [Text(text="a")])) is False
    db.write(tasks.cancel, claimed.task.id)
    assert db.write(events.append, batch(claimed, 2, [Text(text="b")])) is True


def test_decimals_are_numbers_in_json() -> None:
    """A cost is a JSON number, written the short way."""
    record = events.number([Usage(cost_usd=Decimal("0.1"))], after=0, attempt=1, at=utcnow())
    assert b'"cost_usd":0.1' in events.encode(record)


def test_bytes_are_kept_as_printed(db: Database, claimed: Claim) -> None:
    """Every byte value survives."""
    everything = bytes(range(256)) * 50
    db.write(events.append, batch(claimed, 1, [], 0, everything))
    assert db.read(events.read_output, claimed.task.id, attempt=1, start=0, max_bytes=10**6) == everything


def test_a_batch_is_split_by_its_bytes() -> None:
    """No part is larger than asked, whatever field the bytes are in; a huge Event stands alone."""
    kinds: list[Event] = [Raw(text="x" * 1000), ToolCall(id="1", name="Write", input={"content": "y" * 2000})]
    records = events.number([*kinds * 4, Raw(text="z" * 9000)], after=5, attempt=1, at=utcnow())
    parts = list(events.payloads(records, size=3500))
    assert [record for _, payload in parts for record in events.decode(payload)] == records
    assert [last for last, _ in parts] == [events.decode(payload)[-1]["seq"] for _, payload in parts]
    assert [len(payload) <= 3500 for _, payload in parts] == [True] * 4 + [False]


def test_a_page_of_large_events_is_short(db: Database, claimed: Claim) -> None:
    """However many are asked for, a page ends after its bytes; the pages together are whole."""
    after = 1
    for _ in range(12):
        db.write(events.append, batch(claimed, after, [Raw(text="x" * 900_000)]))
        after += 1

    pages: list[list[Record]] = []
    seq = 1
    while page := db.read(events.read, claimed.task.id, after=seq, limit=1000):
        pages.append(page)
        seq = page[-1]["seq"]

    assert [record["seq"] for page in pages for record in page] == list(range(2, 14))
    assert max(len(events.encode(page)) for page in pages) < events.PAGE_BYTES + 1_000_000
