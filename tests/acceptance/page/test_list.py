"""The list at the side, and the places in the queue: what is known, and nothing else."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Route

from app.db.runs import Ending
from app.domain.event import Text
from app.domain.reason import Reason, sentence
from app.domain.task import AttemptState, Task, TaskState

from .stage import Stage
from .visitor import Visitor

_PAGES = re.compile(r"/api/tasks\?")
_FAILED = Ending(
    task_state=TaskState.FAILED,
    attempt_state=AttemptState.FAILED,
    reason=Reason.EXIT_CODE,
    detail=sentence(Reason.EXIT_CODE, detail="1"),
)


@pytest.fixture
def queue(stage: Stage) -> Iterator[list[Task]]:
    """Two that wait, the older first."""
    waiting = [stage.wait("Waits first"), stage.wait("Waits second")]
    yield waiting
    stage.cancel(*waiting)


def test_what_needs_somebody_since_days_says_since_when(visitor: Visitor, stage: Stage) -> None:
    """No heading names the day there, so the entry does; under a day's heading the hour is enough."""
    stage.age(stage.play("Failed long ago", [Text(text="No.")], ending=_FAILED), days=3)
    stage.age(stage.play("Done long ago", [Text(text="Yes.")]), days=3)
    visitor.go("/")

    failed = visitor.see(".needs-you .entry[title='Failed long ago'] .entry-meta").inner_text()
    done = visitor.see(".entry[title='Done long ago'] .entry-meta").inner_text()
    assert re.fullmatch(r"[A-Z][a-z]{2} \d+", failed)
    assert re.fullmatch(r"\d+:\d\d( [AP]M)?", done)


def test_a_place_in_the_queue_is_told_only_where_it_is_known(visitor: Visitor, queue: list[Task]) -> None:
    """Where more wait than were loaded, only "Queued" is said; with the whole queue there is a place."""

    def only_one(route: Route) -> None:
        route.continue_(url=re.sub(r"limit=\d+", "limit=1", route.request.url))

    visitor.page.route(_PAGES, only_one)
    visitor.go(f"/sessions/{queue[1].session_id}")
    visitor.see(".end.waiting")
    visitor.until("document.querySelectorAll('.entry').length > 1")
    assert visitor.see(".end.waiting .state").inner_text() == "Queued"

    visitor.page.unroute(_PAGES)
    visitor.cut()
    visitor.until("document.querySelector('.end.waiting .state').innerText === 'Queued, place 2'")


def test_what_ended_unheard_is_seen_after_the_connection_is_back(visitor: Visitor, stage: Stage) -> None:
    """However much is newer: what was under way when it was last heard of is asked for by itself."""
    task = stage.begin("Ends unheard", [Text(text="Still here.")])
    visitor.go("/")
    visitor.see(".entry[title='Ends unheard'] .state-running")
    stage.end(task)
    newer = stage.play("The first of many", [])
    for number in range(100):
        stage.play(f"Newer {number}", [], after=newer)
    visitor.cut()

    visitor.see(".entry[title='Ends unheard'] .state-completed")


def test_opening_the_page_asks_for_what_the_side_shows(visitor: Visitor) -> None:
    """Tasks come whole, with whatever was written and answered: no more of them than is shown."""
    visitor.go("/")
    visitor.see(".entry")
    pages = """performance.getEntriesByType("resource").map((entry) => new URL(entry.name))
      .filter((url) => url.pathname === "/api/tasks")"""
    visitor.until(f"{pages}.length >= 4")  # one is there once it was answered
    asked: list[Any] = visitor.run(f'{pages}.map((url) => Number(url.searchParams.get("limit")))')

    assert len(asked) == 4
    assert sum(asked) <= 225
