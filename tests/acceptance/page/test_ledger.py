"""What was tried, what is ignored, what is waited for, what is wrong: said on the page."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.domain.event import Text

from .conftest import QUEUE_LIMIT
from .stage import INTERRUPTED, Run, Stage
from .visitor import Visitor

_QUIET_ROWS = "[...document.querySelectorAll('.attempt-goes-on p')].map((row) => row.innerText)"


class Wrong:
    """An agent's file that is wrong."""

    def __init__(self, path: Path) -> None:
        self._path, self._good = path, path.read_text()
        path.write_text('max_turns = "many"\n')

    def mend(self) -> None:
        """Write what was there before."""
        self._path.write_text(self._good)


@pytest.fixture
def broken_agent(agents_dir: Path) -> Iterator[Wrong]:
    """An agent that cannot be used until it is mended, at the latest when the test ends."""
    wrong = Wrong(agents_dir / "reviewer" / "agent.toml")
    yield wrong
    wrong.mend()


@pytest.fixture
def full_queue(stage: Stage) -> Iterator[None]:
    """No room for one more Task."""
    waiting = stage.fill(QUEUE_LIMIT)
    yield
    stage.cancel(*waiting)


def test_the_ledger_shows_each_attempt_and_what_was_ignored(visitor: Visitor, stage: Stage) -> None:
    """How each ended, why and where; and that going on after a shutdown or a lost worker is no drama."""
    script = [
        Run([Text(text="First half.")], INTERRUPTED),
        Run([Text(text="More.")], None, renewals=2),
        Run([Text(text="The rest.")], rung=12),
    ]
    task = stage.play_runs("Go on", script)
    visitor.go(f"/tasks/{task.id}")
    visitor.see(".ignored-line")
    visitor.see(".attempt-goes-on p >> nth=1")

    lines = visitor.page.locator(".attempt-line").all_inner_texts()
    for line, state, reason in zip(
        lines, ("Interrupted", "Lost", "Succeeded"), ("interrupted", "worker_lost", "exit 0"), strict=True
    ):
        assert state in line
        assert reason in line
        assert "on stage" in line
    assert [" lease last renewed at " in line.replace("\n", " ") for line in lines] == [False, True, False]
    assert " to " in str(visitor.see(".attempt-line time").get_attribute("title"))
    ignored = visitor.see(".ignored-line").inner_text()
    assert ignored.startswith("12 duplicate deliveries ignored: already finished, ")
    visitor.see(".attempt-goes-on p")  # details may be there before the transcript is
    assert visitor.run(_QUIET_ROWS) == [
        "Attempt 1 was interrupted by a shutdown; attempt 2 goes on",
        "Attempt 2 was lost with its worker; attempt 3 goes on",
    ]
    assert visitor.page.locator(".note.status").count() == 0


def test_a_pause_says_until_when_and_why(visitor: Visitor, stage: Stage) -> None:
    """The time, how long that is from now, the reason, and which attempt of how many comes then."""
    task = stage.pause("Wait for it")
    visitor.go(f"/sessions/{task.session_id}")
    waiting = visitor.see(".end.waiting").inner_text()
    told = visitor.see(".note.status").inner_text()
    visitor.page.get_by_role("button", name="Cancel task").click()
    visitor.see(".end .state-cancelled")

    assert "tries again at " in waiting
    assert "(in 10 min): overloaded" in waiting
    assert "attempt 2 of 3" in waiting
    assert "HTTP 529" in told


def test_what_is_wrong_now_is_said_until_it_is_mended(phone: Visitor, broken_agent: Wrong) -> None:
    """A line above everything, on a phone too, with nothing to click it away."""
    phone.go("/")
    line = phone.see(".banner p")

    assert "agents/reviewer/agent.toml" in line.inner_text()
    assert phone.page.locator(".banner button").count() == 0
    assert phone.run("document.documentElement.scrollWidth") <= 390
    broken_agent.mend()
    phone.cut()
    phone.until("!document.querySelector('.banner p')")


@pytest.mark.usefixtures("full_queue")
def test_a_full_queue_is_said_beside_the_prompt(visitor: Visitor) -> None:
    """The server's sentence; what was typed is still in the box, after a reload too, and Send works again."""
    visitor.go("/")
    visitor.see("#prompt").fill("Count to 3")
    visitor.page.press("#prompt", "Enter")

    assert f"ERRAND_QUEUE_LIMIT is {QUEUE_LIMIT}" in visitor.see(".composer-problem").inner_text()
    assert visitor.page.input_value("#prompt") == "Count to 3"
    assert visitor.page.locator(".send").is_enabled()
    visitor.page.reload()
    visitor.see("#prompt")
    assert visitor.page.input_value("#prompt") == "Count to 3"
    # The browser's own console line for the 429 is no wrong of the page.
    visitor.wrongs = [wrong for wrong in visitor.wrongs if "429" not in wrong]


def test_how_it_is_kept_apart_is_said_with_the_task(visitor: Visitor, stage: Stage) -> None:
    """The level of its sandbox in words, and that its workspace's own instructions were let in."""
    task = stage.begin("Go on", [Text(text="Here.")])
    stage.cage(task, "level-1", trusted=True)
    visitor.go(f"/tasks/{task.id}")

    pairs = visitor.until(
        "[...document.querySelectorAll('.details .pair')].map((pair) => pair.innerText.replace(/\\s+/g, ' '))"
    )
    stage.end(task)

    assert "Sandbox Level 1, own user" in pairs
    assert "Workspace Trusted" in pairs
