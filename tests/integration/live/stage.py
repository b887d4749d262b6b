"""A stage for live tests: a Task run by hand, Notices that get lost, and clients without a network."""

import json
import random
import threading
import time
from collections import deque
from itertools import groupby
from typing import Any

import redis

from app.clock import utcnow
from app.db import events, runs, tasks
from app.db.engine import Database
from app.db.events import Batch
from app.db.runs import Ending
from app.db.tasks import NewTask
from app.domain.event import Raw
from app.domain.task import AttemptState, SessionId, Task, TaskId, TaskState
from app.live.backlog import instant
from app.live.channel import TASKS, Notice, session_channel
from app.live.feed import Feed, TaskFeed
from app.live.hub import Hub, Interest
from app.live.publisher import Publisher
from app.live.viewer import Gone, Viewer


def new_task(db: Database, *, session_id: SessionId | None = None, message: str = "do it") -> Task:
    """Return a queued Task."""
    new = NewTask(message=message, agent="demo", cli="demo", max_attempts=3, session_id=session_id)
    return db.write(tasks.create, new)


class Run:
    """A claimed Task that prints what the test says, stores it and tells of it, as a worker does."""

    def __init__(self, db: Database, publisher: "Publisher | Gossip", task: Task) -> None:
        self._db = db
        self._publisher = publisher
        claim = db.write(runs.claim, task.id, machine="stage")
        assert claim is not None
        self.task = claim.task
        self.seq = claim.task.last_seq
        publisher.publish_task(self.task)

    def print(self, *texts: str) -> None:
        """Store one Chunk with an Event per text, then publish it."""
        records = events.number(
            [Raw(text=text) for text in texts], after=self.seq, attempt=self.task.attempt, at=utcnow()
        )
        batch = Batch(
            self.task.id, self.task.attempt, self.seq, self.seq + len(records), events.encode(records)
        )
        self._db.write(events.append, batch)
        self.seq = batch.last_seq
        self._publisher.publish_events(self.task, batch.payload, batch.after + 1, batch.last_seq)

    def finish(self, state: TaskState = TaskState.COMPLETED) -> Task:
        """End the Attempt and the Task."""
        attempt_state = AttemptState.SUCCEEDED if state is TaskState.COMPLETED else AttemptState.FAILED
        ending = Ending(task_state=state, attempt_state=attempt_state, result="done")
        done = self._db.write(runs.finish, self.task.id, self.task.attempt, ending)
        self._publisher.publish_task(done)
        self.seq = done.last_seq
        return done


class Gossip:
    """Publishes like the Publisher, but loses, repeats and mixes up Notices, as chance wants it."""

    def __init__(self, url: str, chance: random.Random) -> None:
        self._redis = redis.Redis.from_url(url)
        self._chance = chance
        self._late: deque[tuple[str, bytes]] = deque()

    def publish_events(self, task: Task, payload: bytes, first_seq: int, last_seq: int) -> None:
        """Tell of Events, perhaps."""
        payload = payload if self._chance.random() < 0.8 else b""
        notice = Notice(task.id, task.session_id, last_seq, first_seq, payload)
        self._tell((session_channel(task.session_id), notice.encode()))

    def publish_task(self, task: Task) -> None:
        """Tell of a state, perhaps."""
        data = Notice(task.id, task.session_id, task.last_seq).encode()
        self._tell((session_channel(task.session_id), data), (TASKS, data))

    def close(self) -> None:
        """Give the connections back."""
        self._redis.close()

    def _tell(self, *messages: tuple[str, bytes]) -> None:
        for message in messages:
            match self._chance.choices(["say", "lose", "repeat", "late"], [5, 2, 2, 2])[0]:
                case "say":
                    self._redis.publish(*message)
                case "repeat":
                    self._redis.publish(*message)
                    self._late.append(message)
                case "late":
                    self._late.append(message)
        if self._late and self._chance.random() < 0.4:
            self._redis.publish(*self._late.popleft())


class Inbox:
    """A Transport that keeps what it is sent, until it has had enough and is gone."""

    def __init__(self, *, enough: int | None = None, delay: float = 0) -> None:
        self.messages: list[dict[str, Any]] = []
        self.closed: int | None = None
        self.pending = False
        self._enough = enough
        self._delay = delay

    def send(self, message: bytes) -> None:
        """Take a message, slowly where `delay` says so."""
        if self._delay:
            time.sleep(self._delay)
        self.offer(message)

    def offer(self, message: bytes) -> bool:
        """Take a message."""
        if self._enough is not None and len(self.messages) >= self._enough:
            raise Gone
        self.messages.append(json.loads(message))
        return True

    def flush(self) -> None:
        """Nothing waits here."""

    def finish(self, code: int, reason: str) -> None:  # noqa: ARG002 - the Transport's signature
        """Keep the code."""
        self.closed = code

    def abort(self) -> None:
        """Be gone."""
        self._enough = 0

    def seqs(self, task_id: TaskId | None = None) -> list[int]:
        """Return the seqs of all Events, as they came."""
        batches = [m for m in self.messages if m["type"] == "events" and task_id in {None, m["task_id"]}]
        return [event["seq"] for batch in batches for event in batch["events"]]

    def tasks(self) -> set[TaskId]:
        """Return the ids of all Tasks that were shown."""
        return {m["task"]["id"] for m in self.messages if m["type"] == "task"}

    def states(self) -> list[str]:
        """Return the states of Tasks, as they came; what rows and Redis have both told counts once."""
        told = [(m["task"]["id"], m["task"]["state"]) for m in list(self.messages) if m["type"] == "task"]
        return [state for (_, state), _ in groupby(told)]


class Watcher:
    """A client in a thread: a Viewer of a Hub with an Inbox."""

    def __init__(self, hub: Hub, interest: Interest, feed: Feed, inbox: Inbox | None = None) -> None:
        self.inbox = inbox or Inbox()
        self.viewer = Viewer(feed, self.inbox, hub.backlog)
        self._hub = hub
        self._interest = interest
        self._thread = threading.Thread(target=self.run, daemon=True)

    @classmethod
    def of(cls, hub: Hub, task: Task, *, after: int = 0, inbox: Inbox | None = None) -> "Watcher":
        """Watch one Task."""
        return cls(hub, Interest(task.session_id, task.id), TaskFeed(task.id, after, instant()), inbox)

    def run(self) -> None:
        """Watch in this thread, to the end."""
        with self._hub.watching(self._interest, self.viewer):
            self.viewer.run()

    def start(self) -> "Watcher":
        """Watch in a thread of its own."""
        self._thread.start()
        return self

    def join(self, timeout: float = 10) -> None:
        """Wait for the end; fail when it doesn't come."""
        self._thread.join(timeout)
        assert not self._thread.is_alive(), "the viewer did not end"
