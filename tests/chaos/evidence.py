"""What is known when a run is over: recordings, what users read over REST, what viewers got."""

import re
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.chaos.director import Played
from tests.chaos.faults import Killed
from tests.chaos.load import Accepted
from tests.chaos.recordings import Tree
from tests.chaos.service import Exit
from tests.chaos.viewers import Seen

_NUMBER = re.compile(r"line (\d+)")


@dataclass(frozen=True)
class Told:
    """One Task as Errand tells it."""

    task: dict[str, Any]
    events: list[dict[str, Any]]
    #: What each Attempt printed, by its number.
    output: dict[int, bytes]

    @property
    def attempts(self) -> dict[int, dict[str, Any]]:
        """Its Attempts by number."""
        return {attempt["number"]: attempt for attempt in self.task["attempts"]}

    def numbers_in_events(self, attempt: int) -> list[int]:
        """Return the numbers of the lines that the Events of one Attempt hold, in order."""
        texts = (e["text"] for e in self.events if e["attempt"] == attempt and e["kind"] == "text")
        return [int(number) for text in texts for number in _NUMBER.findall(text)]

    def numbers_in_output(self, attempt: int) -> list[int]:
        """Return the same of its output; a last line that was cut off is not counted."""
        whole, _, _ = self.output.get(attempt, b"").rpartition(b"\n")
        return [int(number) for number in _NUMBER.findall(whole.decode())]


@dataclass
class Evidence:
    """Everything a promise is judged by."""

    lease: float
    accepted: dict[str, Accepted]
    retried: dict[str, int]
    cancelled: dict[str, float]
    played: list[Played]
    killed: list[Killed]
    exits: list[Exit]
    told: dict[str, Told]
    #: Tasks in the database, whoever accepted them.
    tasks_stored: int
    trees: dict[str, list[Tree]]
    seen: dict[str, Seen]
    surprises: list[str]
    #: Seconds from the last healed fault until everything was final; None where it never was.
    settled_after: float | None
    #: Marks of processes that were alive when everything was final.
    left: list[str]
    #: Lines in the logs that tell of an error.
    errors: list[str] = field(default_factory=list)


def read_task(client: httpx.Client, task_id: str) -> Told:
    """Read all that Errand tells of one Task."""
    task = _get(client, f"/api/tasks/{task_id}").json()
    events: list[dict[str, Any]] = []
    while True:
        after = events[-1]["seq"] if events else 0
        page = _get(client, f"/api/tasks/{task_id}/events", after=after, limit=1000)
        if not (more := page.json()["events"]):
            break
        events += more
    output = {
        attempt["number"]: _get(client, f"/api/tasks/{task_id}/output", attempt=attempt["number"]).content
        for attempt in task["attempts"]
    }
    return Told(task, events, output)


def _get(client: httpx.Client, path: str, **query: int) -> httpx.Response:
    answer = client.get(path, params=query)
    answer.raise_for_status()
    return answer
