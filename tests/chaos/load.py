"""Those who ask for Tasks, cancel them, ask again, and whose messages come twice."""

import math
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from random import Random
from typing import Any

import httpx
from kombu.exceptions import KombuError
from redis.exceptions import RedisError

from app.dispatch import RUNS
from tests.chaos.plans import Plan, conversations
from tests.chaos.plant import Plant

#: Seconds between two tries while the web tier does not answer.
_PAUSE = 0.3
#: Seconds after which one who cancels or retries gives up.
_PATIENCE = 20.0


@dataclass(frozen=True)
class Accepted:
    """A Task that Errand promised to run."""

    task_id: str
    session_id: str
    plan: Plan
    at: float


class Load:
    """Keeps `want` Tasks unfinished until it is told to stop."""

    def __init__(self, plant: Plant, *, seed: int, want: int) -> None:
        #: By Task, in the order of their acceptance.
        self.accepted: dict[str, Accepted] = {}
        #: Tasks somebody asked to run again, and how often that may have been heard.
        self.retried: dict[str, int] = {}
        #: Tasks somebody asked to cancel, and when the first yes came back; infinity where none did.
        self.cancelled: dict[str, float] = {}
        #: Messages sent by hand.
        self.duplicates_sent = 0
        #: Answers that were neither yes nor "not now", and why that is wrong.
        self.surprises: list[str] = []
        self._plant = plant
        self._want = want
        self._seed = seed
        self._conversations = conversations(seed)
        self._client = plant.client()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._feed, name="load", daemon=True)

    def start(self) -> None:
        """Begin to ask."""
        self._thread.start()

    def stop(self) -> None:
        """Ask no more; who is asking gets an answer first."""
        self._ended.set()
        self._thread.join()
        self._client.close()

    # What a crowd does

    def duplicates(self, share: float) -> None:
        """Send twenty messages for each of some Tasks, finished ones too."""
        known = list(self.accepted)
        for task_id in Random(share).sample(known, min(4, len(known))):
            for _ in range(20):
                self.duplicates_sent += self.ring(task_id)

    def cancels(self, share: float) -> None:
        """Cancel some unfinished Tasks, one of them twenty times at once."""
        random = Random(share)
        unfinished = [*self._ids(state="running"), *self._ids(state="queued")]
        chosen = random.sample(unfinished, min(3, len(unfinished)))
        asked = [task_id for number, task_id in enumerate(chosen) for _ in range(2 if number else 20)]
        for task_id in chosen:
            self.cancelled.setdefault(task_id, math.inf)
        with ThreadPoolExecutor(20) as crowd:
            list(crowd.map(lambda task_id: self._urge(task_id, "cancel"), asked))

    def retries(self, share: float) -> None:
        """Ask for two finished Tasks to run again, five times at once each."""
        random = Random(share)
        finished = [i for state in ("completed", "failed", "cancelled") for i in self._ids(state=state)]
        chosen = random.sample(finished, min(2, len(finished)))
        for task_id in chosen:
            # Before it is asked: an answer that never came may have been a yes.
            self.retried[task_id] = self.retried.get(task_id, 0) + 5
        with ThreadPoolExecutor(10) as crowd:
            list(crowd.map(lambda task_id: self._urge(task_id, "retry"), chosen * 5))

    def ring(self, task_id: str) -> bool:
        """Send one message by hand; return whether it went out."""
        try:
            self._plant.celery.send_task("tasks.run", args=[task_id], queue=RUNS, retry=False)
        except (KombuError, RedisError, OSError):
            return False
        return True

    # Asking

    def ask(self, plan: Plan, session_id: str | None = None) -> Accepted:
        """Ask until the Task is accepted, with one Idempotency-Key for all tries."""
        body: dict[str, Any] = {"message": plan.message, "agent": "brain"}
        if session_id is not None:
            body["session_id"] = session_id
        headers = {"Idempotency-Key": f"chaos-{self._seed}-{plan.number}"}
        while True:
            answer = self._answer("POST", "/api/chat", json=body, headers=headers)
            if answer is not None and answer.status_code == 202:
                break
            self._note(answer, "chat", {503, 409})
            time.sleep(_PAUSE)
        told = answer.json()
        accepted = Accepted(told["task_id"], told["session_id"], plan, time.monotonic())
        self.accepted[accepted.task_id] = accepted
        return accepted

    def _feed(self) -> None:
        while not self._ended.is_set():
            if not self._room():
                self._ended.wait(0.15)
                continue
            session_id = None
            for plan in next(self._conversations):
                session_id = self.ask(plan, session_id).session_id

    def _room(self) -> bool:
        answer = self._answer("GET", "/api/status")
        if answer is None or answer.status_code != 200 or not (counts := answer.json()["tasks"]):
            return False
        unfinished: int = counts["queued"] + counts["running"]
        return unfinished < self._want

    def _ids(self, **query: str) -> Iterator[str]:
        answer = self._patiently("GET", "/api/tasks", params={"limit": 50, **query})
        yield from (item["id"] for item in (answer.json()["items"] if answer else ()))

    def _urge(self, task_id: str, verb: str) -> None:
        answer = self._patiently("POST", f"/api/tasks/{task_id}/{verb}")
        self._note(answer, verb, {409})
        if verb == "cancel" and answer is not None and answer.status_code == 202:
            self.cancelled[task_id] = min(self.cancelled[task_id], time.monotonic())

    def _patiently(self, method: str, path: str, **more: Any) -> httpx.Response | None:
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            answer = self._answer(method, path, **more)
            if answer is not None and answer.status_code != 503:
                return answer
            time.sleep(_PAUSE)
        return None

    def _answer(self, method: str, path: str, **more: Any) -> httpx.Response | None:
        try:
            return self._client.request(method, path, **more)
        except httpx.HTTPError:
            return None

    def _note(self, answer: httpx.Response | None, what: str, expected: set[int]) -> None:
        if answer is not None and not answer.is_success and answer.status_code not in expected:
            self.surprises.append(f"{what}: {answer.status_code} {answer.text[:200]}")
