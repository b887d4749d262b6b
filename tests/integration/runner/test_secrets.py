"""3,000 outputs with planted secrets, cut anywhere, through the real reader: none in rows, frames or logs."""

import itertools
import json
import random
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from app.db import events, runs, tasks
from app.db.engine import Database
from app.db.runs import Claim, Ending
from app.db.tasks import NewTask
from app.domain.task import AttemptState, TaskState
from app.live.publisher import Publisher
from app.process import Output, Process
from app.process.exit import Exit
from app.runner.adapters import adapter_for
from app.runner.follow import Follower, Limits
from app.runner.held import Held
from app.runner.transcript import Transcript
from app.runner.watch import Watch
from tests.integration.live.web import WebServer
from tests.unit.runner.runs import a_run
from tests.unit.security.test_redact import FORMS, REDACTOR, SECRETS, WELL_KNOWN

CHUNKINGS = 3000
#: Events of one page.
_MANY = 1000


class Unwatched:
    """An eye on nothing: what is printed here comes from no process."""

    def over(self) -> None:
        """Find nothing."""


class Printed:
    """A process that prints these pieces, one a read, and is gone."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = list(pieces)
        self.exit: Exit | None = None

    def read(self, _timeout: float) -> Output:
        """Return the next piece."""
        piece = self._pieces.pop(0) if self._pieces else b""
        if not self._pieces:
            self.exit = Exit(code=0)
        return Output(stdout=piece)


def _words(dice: random.Random) -> Iterator[str]:
    for _ in range(dice.randint(1, 6)):
        plain = [
            "line\n",
            "x" * dice.randint(0, 100),
            "ж" * dice.randint(1, 9),
            "x1" * dice.randint(1, 9),
            "sk-a",
        ]
        written = FORMS[dice.choice(list(FORMS))](dice.choice(SECRETS))
        yield dice.choice([written, dice.choice(plain), dice.choice(WELL_KNOWN)])


def _cut(dice: random.Random, data: bytes) -> list[bytes]:
    """Cut it anywhere: byte by byte where it is short, else into up to a dozen pieces."""
    if len(data) < 40 and dice.random() < 0.3:
        return [data[n : n + 1] for n in range(len(data))]
    places = sorted(dice.randint(0, len(data)) for _ in range(dice.randint(0, 11)))
    return [data[a:b] for a, b in itertools.pairwise([0, *places, len(data)])]


def _streamed(dice: random.Random, text: str) -> bytes:
    """Return a text as Claude Code streams it, in partial messages cut anywhere."""
    lines: list[dict[str, Any]] = []
    while text:
        size = dice.randint(1, 40)
        delta = {"type": "text_delta", "text": text[:size]}
        event = {"type": "content_block_delta", "index": 0, "delta": delta}
        lines.append({"type": "stream_event", "event": event, "parent_tool_use_id": None})
        text = text[size:]
    lines.append({"type": "stream_event", "event": {"type": "content_block_stop", "index": 0}})
    return b"".join(json.dumps(line, ensure_ascii=False).encode() + b"\n" for line in lines)


class Reader:
    """Follows one scripted process after the other into the rows of one Task."""

    def __init__(self, db: Database, publisher: Publisher, claim: Claim) -> None:
        self._db, self._claim = db, claim
        self._held = Held(claim.task.id, claim.attempt, asked=time.monotonic(), patience=1e6)
        self._transcript = Transcript(db, publisher, claim, self._held)

    @property
    def last_seq(self) -> int:
        """The newest Event."""
        return self._transcript.last_seq

    def follow(self, cli: str, pieces: list[bytes]) -> bytes:
        """Read these pieces as output of `cli`; return what is stored of it as printed."""
        adapter, start = adapter_for(cli), self._transcript.stdout_size
        Follower(
            cast("Process", Printed(pieces)),
            adapter.parser(a_run(cli)),
            cleaner=adapter.cleaner(REDACTOR),
            stderr=REDACTOR.stream(),
            transcript=self._transcript,
            held=self._held,
            limits=Limits(timeout=1e6, idle_timeout=1e6, output=1 << 40, events=1 << 40),
            watch=cast("Watch", Unwatched()),
            began=lambda: None,
        ).follow()
        size = self._transcript.stdout_size - start
        task = self._claim.task
        if not size:
            return b""
        return self._db.read(
            events.read_output, task.id, attempt=self._claim.attempt, start=start, max_bytes=size
        )[:size]


@pytest.fixture
def web(sqlite_url: str, redis_url: str, tmp_path: Path) -> Iterator[WebServer]:
    """A real web server, for a real Viewer."""
    server = WebServer(tmp_path, database_url=sqlite_url, redis_url=redis_url)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def db(sqlite_url: str) -> Iterator[Database]:
    """The database both use."""
    database = Database(sqlite_url)
    yield database
    database.close()


def _claimed(db: Database) -> Claim:
    task = db.write(tasks.create, NewTask("print", agent="brain", cli="claude", max_attempts=3))
    claim = db.write(runs.claim, task.id, machine="here")
    assert claim is not None
    return claim


def _stored(db: Database, claim: Claim) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while page := db.read(events.read, claim.task.id, after=len(found), limit=_MANY):
        found += page
    return found


def _said(found: Iterable[dict[str, Any]], first: int, last: int) -> bytes:
    """Return the texts of the Events between, joined as a reader would."""
    mine = [event for event in found if first < event["seq"] <= last]
    return "".join(event.get("text", "") + ("\n" if event["kind"] == "raw" else "") for event in mine).encode(
        "utf-8", "surrogatepass"
    )


@pytest.mark.no_cover
@pytest.mark.timeout(600)
def test_three_thousand_chunkings_leak_nothing(
    web: WebServer, db: Database, redis_url: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """SEC-02: in no row, no frame, no log; the rest is byte for byte what the whole, cleaned, would be."""
    publisher, claim = Publisher(redis_url), _claimed(db)
    viewer = web.connect(f"/ws/tasks/{claim.task.id}?after=0")
    watching = threading.Thread(target=viewer.receive_all)
    watching.start()
    reader, ends = Reader(db, publisher, claim), [claim.task.last_seq]

    for seed in range(CHUNKINGS):
        dice = random.Random(seed)
        text = "".join(_words(dice))
        if seed % 3:
            stored = reader.follow("printer", _cut(dice, text.encode()))
            assert stored == REDACTOR.clean(text.encode()), seed
        else:
            stored = reader.follow("claude", _cut(dice, _streamed(dice, text)))
            deltas = [json.loads(line)["event"].get("delta", {}) for line in stored.splitlines()]
            assert "".join(d.get("text", "") for d in deltas) == REDACTOR.clean_text(text), seed
        ends.append(reader.last_seq)
    done = Ending(task_state=TaskState.COMPLETED, attempt_state=AttemptState.SUCCEEDED)
    publisher.publish_task(db.write(runs.finish, claim.task.id, claim.attempt, done))
    publisher.close()

    watching.join(60)
    frames = [event for message in viewer.messages for event in message.get("events", [])]
    rows = _stored(db, claim)
    assert [event["seq"] for event in frames] == [event["seq"] for event in rows]
    for seed, (first, last) in enumerate(itertools.pairwise(ends)):
        for found in (rows, frames):
            _assert_clean(_said(found[max(0, first - 5) : last + 5], first, last), seed)
    _assert_clean((web.log + "".join(capfd.readouterr())).encode(), -1)


def _assert_clean(said: bytes, seed: int) -> None:
    assert REDACTOR.spans(said) == [], (seed, said)
