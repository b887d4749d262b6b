"""The sans-I/O core of a Viewer: whatever Notices do, each Event is sent once and in order."""

import json
from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from app.db import events
from app.db.events import Chunk
from app.db.watch import Stand
from app.domain.task import SessionId, TaskId, TaskState
from app.live.cursor import Cursor
from app.live.feed import (
    Close,
    ReadEvents,
    ReadStands,
    ReadTask,
    Send,
    SessionFeed,
    Snapshot,
    TaskFeed,
    TasksFeed,
)
from app.live.message import Batch

TASK = TaskId("11111111-1111-4111-8111-111111111111")
SESSION = SessionId("22222222-2222-4222-8222-222222222222")


class Rows:
    """A Task's stored Chunks and state, in memory; answers a feed's questions as the database would."""

    def __init__(self, sizes: list[int], *, task_id: TaskId = TASK, position: int = 1) -> None:
        self.task_id = task_id
        self.position = position
        self.state = TaskState.RUNNING
        self.chunks: list[Chunk] = []
        self.clock = 0
        for size in sizes:
            self.append(size)

    @property
    def last_seq(self) -> int:
        """The seq of the newest Event."""
        return self.chunks[-1].last_seq if self.chunks else 0

    def append(self, size: int) -> Batch:
        """Store a Chunk and return it as a Notice would bring it."""
        first = self.last_seq + 1
        seqs = range(first, first + size)
        payload = events.encode([{"seq": seq, "kind": "raw", "text": str(seq)} for seq in seqs])
        self.chunks.append(Chunk(first, first + size - 1, payload))
        return Batch(self.task_id, first, first + size - 1, payload)

    def batch(self, index: int, *, empty: bool = False) -> Batch:
        """Return a stored Chunk as a Notice would bring it."""
        chunk = self.chunks[index]
        return Batch(self.task_id, chunk.first_seq, chunk.last_seq, b"" if empty else chunk.payload)

    def snapshot(self) -> Snapshot:
        """Read the row."""
        self.clock += 1
        message = json.dumps({"type": "task", "task": {"id": self.task_id, "state": self.state}}).encode()
        marks = (self.state,)
        return Snapshot(self.task_id, self.position, self.state, self.last_seq, marks, self.clock, message)

    def stand(self) -> Stand:
        """Look at the row."""
        return Stand(self.task_id, SESSION, self.position, self.state, self.last_seq, (self.state,))


class Client:
    """Does a feed's steps against Rows and keeps what a browser would have got."""

    def __init__(self, feed: TaskFeed | SessionFeed | TasksFeed, *rows: Rows, page: int = 2) -> None:
        self.feed = feed
        self.rows = {r.task_id: r for r in rows}
        self.page = page
        self.messages: list[dict[str, Any]] = []
        self.closed: int | None = None

    def step(self) -> bool:
        """Do one step; False when there is none now."""
        match self.feed.next():
            case Send(message):
                self.messages.append(json.loads(message))
            case ReadTask(task_id, since):
                self.rows[task_id].clock = max(self.rows[task_id].clock, since)
                self.feed.show(self.rows[task_id].snapshot())
            case ReadEvents(task_id, after):
                newer = [c for c in self.rows[task_id].chunks if c.last_seq > after]
                self.feed.refill(task_id, newer[: self.page])
            case ReadStands():
                self.feed.begin([r.stand() for r in self.rows.values()], 0)
            case Close(code):
                self.closed = code
                return False
            case None:
                return False
        return True

    def run(self, limit: int = 10_000) -> None:
        """Do all steps there are."""
        for _ in range(limit):
            if not self.step():
                return
        raise AssertionError("the feed never rests")

    def seqs(self, task_id: TaskId = TASK) -> list[int]:
        """Return the seqs of a Task's Events as they came."""
        batches = [m for m in self.messages if m["type"] == "events" and m["task_id"] == task_id]
        return [event["seq"] for message in batches for event in message["events"]]

    def types(self) -> list[str]:
        """Return the kinds of messages as they came."""
        return [message["type"] for message in self.messages]


def test_a_finished_task_is_replayed_and_ended() -> None:
    """The Task comes first, then all Events, then the end, then close 1000."""
    rows = Rows([3, 1, 4])
    rows.state = TaskState.COMPLETED
    client = Client(TaskFeed(TASK, 0, 0), rows)

    client.run()

    assert client.types() == ["task", "events", "events", "events", "end"]
    assert client.seqs() == list(range(1, 9))
    assert client.messages[-1] == {"type": "end", "state": "completed", "last_seq": 8}
    assert client.closed == 1000


def test_after_cuts_the_first_chunk() -> None:
    """Who has half of a Chunk gets the other half."""
    client = Client(TaskFeed(TASK, 2, 0), Rows([4, 2]))

    client.run()

    assert client.seqs() == [3, 4, 5, 6]


def test_who_has_more_than_there_is_gets_the_end() -> None:
    """An `after` beyond the last seq of a final Task is no reason to wait for ever."""
    rows = Rows([2])
    rows.state = TaskState.FAILED
    client = Client(TaskFeed(TASK, 99, 0), rows)

    client.run()

    assert client.types() == ["task", "end"]


def test_no_end_before_the_last_event() -> None:
    """A Task seen final is ended only after the Events it had by then."""
    rows = Rows([1])
    client = Client(TaskFeed(TASK, 0, 0), rows)
    client.run()
    rows.append(5)
    rows.state = TaskState.COMPLETED
    client.feed.change(TASK, 6, 10)

    client.run()

    assert client.seqs() == [1, 2, 3, 4, 5, 6]
    assert client.types()[-1] == "end"


def test_a_retry_during_the_end_streams_on() -> None:
    """Events of a retry that came before the end was said mean that the Task is looked at again."""
    rows = Rows([2])
    rows.state = TaskState.FAILED
    feed = TaskFeed(TASK, 0, 0)
    client = Client(feed, rows)
    client.step()  # reads the final Task
    rows.state = TaskState.RUNNING
    feed.hear(rows.append(2), 5)

    client.run()

    assert client.seqs() == [1, 2, 3, 4]
    assert "end" not in client.types()


def test_a_batch_that_follows_may_be_sent_at_once() -> None:
    """The short way: nothing to do, and exactly the next Events."""
    rows = Rows([1])
    feed = TaskFeed(TASK, 0, 0)
    client = Client(feed, rows)
    batch = rows.append(1)
    assert not feed.follows(batch)
    client.run()
    following, hole = rows.append(2), rows.append(1)

    assert feed.follows(following)
    assert not feed.follows(hole)
    feed.sent(following)
    assert feed.follows(hole)


def test_too_much_in_the_queue_goes_back_to_the_rows() -> None:
    """A queue that is full is dropped; nothing is lost by that."""
    rows = Rows([])
    feed = TaskFeed(TASK, 0, 0, room=200)
    client = Client(feed, rows)
    client.run()
    for _ in range(20):
        feed.hear(rows.append(3), 1)
        assert feed._held <= 200

    client.run()

    assert client.seqs() == list(range(1, 61))


def test_events_that_no_row_has_are_not_waited_for() -> None:
    """A Notice about rows that don't exist does not make the feed read for ever."""
    rows = Rows([1])
    feed = TaskFeed(TASK, 0, 0)
    client = Client(feed, rows)
    feed.hear(Batch(TASK, 7, 9, b'[{"seq":7}]'), 1)
    feed.change(TASK, 50, 1)

    client.run()

    assert client.seqs() == [1]


def test_a_row_that_changed_while_it_was_read_is_read_again() -> None:
    """The newest state is always shown in the end."""
    rows = Rows([])
    feed = TaskFeed(TASK, 0, 0)
    early = rows.snapshot()
    feed.change(TASK, 0, early.began + 1)
    feed.show(early)

    steps = [feed.next(), feed.next()]

    assert isinstance(steps[0], Send)
    assert steps[1] == ReadTask(TASK, early.began + 1)


def test_a_task_that_is_no_more_ends_its_viewer() -> None:
    """A purged Task closes 4404; nobody waits for it."""
    feed = TaskFeed(TASK, 0, 0)
    feed.forget(TASK)

    assert feed.next() == Close(4404, "There is no such task any more.")


_MOVES = ["hear", "hear", "empty", "change", "learn", "step", "append"]


@settings(max_examples=300, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 4), min_size=1, max_size=12),
    after=st.integers(0, 10),
    moves=st.lists(st.tuples(st.sampled_from(_MOVES), st.integers(0, 11)), max_size=60),
    room=st.sampled_from([1, 150, 100_000]),
)
def test_any_order_of_notices_gives_each_event_once(
    sizes: list[int], after: int, moves: list[tuple[str, int]], room: int
) -> None:
    """Lost, doubled, mixed up, with or without payload, in any pace: the union is after+1..N in order."""
    rows = Rows(sizes[:1])
    feed = TaskFeed(TASK, min(after, rows.last_seq), 0, room=room)
    client = Client(feed, rows)
    for size in sizes[1:]:
        moves.insert(len(moves) // 2, ("append", size))
    for move, n in moves:
        rows.clock += 1
        match move:
            case "append":
                rows.append(1 + n % 4)
            case "change":
                feed.change(TASK, rows.last_seq, rows.clock)
            case "learn":
                feed.learn(rows.stand(), rows.clock)
            case "step":
                client.step()
            case _:
                batch = rows.batch(n % len(rows.chunks), empty=move == "empty")
                if feed.follows(batch) and n % 2:
                    client.messages.append(json.loads(batch.message))
                    feed.sent(batch)
                else:
                    feed.hear(batch, rows.clock)
    rows.state = TaskState.COMPLETED
    feed.learn(rows.stand(), rows.clock + 1)

    client.run()

    assert client.seqs() == list(range(min(after, rows.chunks[0].last_seq) + 1, rows.last_seq + 1))
    assert client.messages[-1] == {"type": "end", "state": "completed", "last_seq": rows.last_seq}


def _session() -> tuple[Rows, Rows, Rows]:
    made = [Rows([2, 3], task_id=TaskId(f"{n}" * 8), position=n) for n in (1, 2, 3)]
    return made[0], made[1], made[2]


def test_a_session_is_replayed_in_order_and_stays_open() -> None:
    """Tasks first, then the Events of each in the order of the Session; no end."""
    tasks = _session()
    client = Client(SessionFeed(SESSION, Cursor()), *tasks)

    client.run()

    assert client.types()[:3] == ["task"] * 3
    order = [m["task_id"] for m in client.messages if m["type"] == "events"]
    assert all(a <= b for a, b in pairwise(order))
    assert [client.seqs(t.task_id) for t in tasks] == [[1, 2, 3, 4, 5]] * 3
    assert client.closed is None


def test_a_session_goes_on_where_the_cursor_says() -> None:
    """A Task that is named begins after its seq, later ones at the start, earlier ones with what is new."""
    first, second, third = _session()
    feed = SessionFeed(SESSION, Cursor({"2": 4}))
    client = Client(feed, first, second, third)
    client.run()
    feed.hear(first.append(1), 9)
    client.run()

    assert client.seqs(first.task_id) == [6]
    assert client.seqs(second.task_id) == [5]
    assert client.seqs(third.task_id) == [1, 2, 3, 4, 5]


def test_a_session_takes_tasks_that_come_later() -> None:
    """A follow-up asked for in another window appears, however it is heard of."""
    first, second, third = _session()
    feed = SessionFeed(SESSION, Cursor())
    client = Client(feed, first)
    client.run()
    client.rows |= {r.task_id: r for r in (second, third)}
    feed.change(second.task_id, second.last_seq, 5)
    feed.learn(third.stand(), 6)

    client.run()

    assert client.seqs(second.task_id) == client.seqs(third.task_id) == [1, 2, 3, 4, 5]


def test_before_a_session_has_begun_news_are_covered_by_the_rows() -> None:
    """News that come before the first look don't make a Task begin at the wrong seq."""
    first, _, _ = _session()
    feed = SessionFeed(SESSION, Cursor({"1": 3}))
    client = Client(feed, first)
    feed.hear(first.append(1), 1)
    feed.change(first.task_id, 6, 1)

    client.run()

    assert client.seqs(first.task_id) == [4, 5, 6]


def test_all_tasks_begin_with_the_running_ones_and_show_no_events() -> None:
    """/ws/tasks is about states only."""
    first, second, _ = _session()
    feed = TasksFeed()
    client = Client(feed, first)
    client.run()
    client.rows[second.task_id] = second
    feed.hear(second.batch(0), 1)
    feed.change(second.task_id, 5, 2)

    client.run()

    assert client.types() == ["task", "task"]


def test_a_state_that_was_shown_is_not_shown_again() -> None:
    """A look at the rows that finds nothing new is not news."""
    first, _, _ = _session()
    feed = TasksFeed()
    client = Client(feed, first)
    client.run()

    assert not feed.learn(first.stand(), 100)
    first.state = TaskState.FAILED
    assert feed.learn(first.stand(), 101)
    client.run()
    assert [m["task"]["state"] for m in client.messages] == ["running", "failed"]
