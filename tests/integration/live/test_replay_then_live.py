"""Replay, then live: whatever happens on the way, each viewer's union is exactly 1..N, in order."""

import random
import threading
from contextlib import suppress

import redis

from app.db.engine import Database
from app.domain.task import Task, TaskState
from app.live.hub import Hub
from tests.integration.live.stage import Gossip, Inbox, Run, Watcher, new_task

_ROUNDS = 10
_SCHEDULES = 6  # at once, per round


class Restless:
    """A client that drops and comes back with its last seq, now here, now there, until it is told the end."""

    def __init__(self, hubs: tuple[Hub, Hub], task: Task, chance: random.Random) -> None:
        self._hubs = hubs
        self._task = task
        self._chance = chance
        self.seqs: list[int] = []
        self.end: dict[str, object] = {}
        self.connections = 0
        self.thread = threading.Thread(target=self._watch, daemon=True)
        self.thread.start()

    def _watch(self) -> None:
        while not self.end:
            self.connections += 1
            enough = self._chance.choice([None, 1, 2, 3, 5, 8])
            inbox = Inbox(enough=enough, delay=self._chance.choice([0, 0, 0.003]))
            last = self.seqs[-1] if self.seqs else 0
            Watcher.of(self._chance.choice(self._hubs), self._task, after=last, inbox=inbox).run()
            assert inbox.messages[:1] == [] or inbox.messages[0]["type"] == "task"
            self.seqs += inbox.seqs()
            self.end = inbox.messages[-1] if inbox.messages and inbox.messages[-1]["type"] == "end" else {}


class Schedule:
    """One Task from its creation to its end, with three restless viewers."""

    def __init__(self, db: Database, hubs: tuple[Hub, Hub], redis_url: str, seed: str) -> None:
        self.seed = seed
        self._chance = random.Random(seed)
        self._db = db
        self._gossip = Gossip(redis_url, self._chance)
        self._task = new_task(db)
        self.viewers = [Restless(hubs, self._task, random.Random(f"{seed}/{n}")) for n in range(3)]
        self.last_seq = 0
        self.thread = threading.Thread(target=self._write, daemon=True)
        self.thread.start()

    def _write(self) -> None:
        pause = threading.Event()
        run = Run(self._db, self._gossip, self._task)
        for _ in range(self._chance.randint(1, 25)):
            run.print(*(f"line {n}" for n in range(self._chance.randint(1, 6))))
            pause.wait(self._chance.choice([0, 0, 0.005, 0.02]))
        self.last_seq = run.finish(self._chance.choice([TaskState.COMPLETED, TaskState.FAILED])).last_seq
        self._gossip.close()

    def check(self) -> None:
        """Wait for the end and look at what each viewer has."""
        self.thread.join(30)
        for viewer in self.viewers:
            viewer.thread.join(20)
            assert not viewer.thread.is_alive(), f"{self.seed}: a viewer never saw the end"
            assert viewer.seqs == list(range(1, self.last_seq + 1)), self.seed
            assert viewer.end["last_seq"] == self.last_seq, self.seed


def test_every_schedule_gives_every_viewer_all_events_in_order(
    db: Database, hubs: tuple[Hub, Hub], redis_url: str
) -> None:
    """60 random schedules: viewers drop and return, Notices are lost, doubled and late, pub/sub is killed."""
    connections = 0
    with redis.Redis.from_url(redis_url) as killer:
        for number in range(_ROUNDS):
            chance = random.Random(number)
            schedules = [Schedule(db, hubs, redis_url, f"{number}.{n}") for n in range(_SCHEDULES)]
            while any(schedule.thread.is_alive() for schedule in schedules):
                schedules[0].thread.join(chance.uniform(0.02, 0.15))
                with suppress(redis.ResponseError):
                    killer.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
            for schedule in schedules:
                schedule.check()
                connections += sum(viewer.connections for viewer in schedule.viewers)
    assert connections > 2 * 3 * _ROUNDS * _SCHEDULES, "the viewers were not restless"
