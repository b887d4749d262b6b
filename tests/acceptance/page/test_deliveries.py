"""The inspector on the settings page: what came from GitHub, why nothing came of it, and another try."""

import uuid
from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import quote

import pytest

from app.clock import utcnow
from app.db import deliveries, replies, tasks, turns
from app.db.engine import Database
from app.domain.delivery import Decision, Recorded, Verdict
from app.domain.trigger import Thread
from tests.acceptance.conftest import Errand
from tests.fakes.github import deliveries as payloads
from tests.fakes.github.asked import ask, trigger_of
from tests.waiting import wait_until

from .visitor import Visitor

_LOCKED = "GitHub answered 403: the issue is locked."
_REASON = "mona <b>has</b> read permission; write is needed."


def refuse(db: Database) -> str:
    """Keep a Delivery that the gate refused, and return its id."""
    row = Recorded(
        id=f"github:{uuid.uuid4()}",
        source="github",
        event="issue_comment",
        action="created",
        repository="octo/hello-with-a-rather-long-name",
        sender="mona",
        received_at=utcnow(),
        content_type="application/json",
    )
    db.write(deliveries.record, row, payloads.encode(payloads.comment("@agent look")))
    decision = Decision(verdict=Verdict.REFUSED, code="permission", reason=_REASON)
    db.write(deliveries.decide, row.id, decision, done=True)
    return row.id


@pytest.fixture
def database(errand: Errand) -> Iterator[Database]:
    """Where the running Errand keeps everything."""
    db = Database(f"sqlite:///{errand.data / 'errand.db'}")
    yield db
    db.close()


@pytest.fixture
def refused(database: Database) -> Iterator[str]:
    """A Delivery that the gate refused; its reason is shown as text, whatever stands in it."""
    made = refuse(database)
    yield made
    database.write(deliveries.finish, made)


def test_a_refusal_is_explained_and_tried_again(visitor: Visitor, refused: str) -> None:
    """In words; what GitHub needs is listed beside it, and what is no payload is told so."""
    visitor.go("/deliveries")
    line = visitor.see("#github-body tbody tr")
    assert _REASON in line.inner_text()
    assert "GITHUB_WEBHOOK_SECRET is not set" in visitor.see("#github-body .settings-list").inner_text()
    assert visitor.page.url.endswith("/settings#github")

    visitor.page.fill("#github-body [name=event]", "issue_comment")
    visitor.page.fill("#github-body [name=payload]", "not json")
    visitor.page.click("#github-body .settings-form button")
    visitor.until("document.querySelector('#github-body .settings-form').innerText.includes('not JSON')")

    visitor.page.click(f'[aria-label="Decide anew on {refused}"]')
    visitor.until("document.querySelector('#github-body tbody .badge').innerText === 'waits'")


def test_the_list_has_no_hole(visitor: Visitor, database: Database) -> None:
    """What came since pushes nothing out between the newest and the older ones."""
    for _ in range(23):
        refuse(database)
    visitor.go("/settings#github")
    visitor.see("#github-body tbody tr")
    since = [refuse(database) for _ in range(4)]
    again = visitor.page.locator('#github-body [aria-label^="Decide anew"]').first
    undecided = again.get_attribute("aria-label")
    again.click()
    visitor.see(f'#github-body [aria-label="Decide anew on {since[0]}"]')
    visitor.page.click("#github-body >> text=Older")
    total = len(visitor.api("/api/deliveries?limit=200")["items"])

    visitor.until(f"document.querySelectorAll('#github-body tbody')[0].rows.length >= {min(total, 44)}")
    shown = visitor.run("[...document.querySelectorAll('#github-body tbody a')].map((one) => one.href)")
    known = [one["id"] for one in visitor.api("/api/deliveries?limit=44")["items"]]
    assert [f"{visitor.url}/api/deliveries/{quote(one, safe='')}/payload" for one in known] == shown[:44]
    assert undecided is not None
    database.write(deliveries.finish, undecided.removeprefix("Decide anew on "))


def test_what_waits_says_until_when_and_goes_on_by_itself(visitor: Visitor, database: Database) -> None:
    """Nobody has to read the page again to see what became of it."""
    made = refuse(database)
    database.write(deliveries.take_again, made)
    database.write(deliveries.put_off, made, utcnow() + timedelta(hours=1), "GitHub is away.")
    visitor.go("/settings#github")
    line = visitor.see("#github-body tbody tr:has(.badge)")
    wait_until(lambda: "waits GitHub is away. Next try at" in " ".join(line.inner_text().split()), 10)

    refused = Decision(verdict=Verdict.REFUSED, code="permission", reason=_REASON)
    database.write(deliveries.decide, made, refused, done=True)

    wait_until(lambda: _REASON in line.inner_text(), 15)


@pytest.fixture
def untold(database: Database) -> str:
    """The id of a Task whose answer GitHub did not take."""
    db = database
    thread = Thread(repository_id=101, repository="octo/hello", number=7, is_pull_request=False)
    task = ask(db, trigger_of(thread, "Mend the wall."))
    db.write(tasks.cancel, task.id)

    def told() -> bool:
        reply = db.read(replies.of_task, task.id)
        assert reply is not None
        return db.write(turns.finish, reply, None, utcnow(), problem=_LOCKED)

    # Control may be at it, for whom GitHub is not set up.
    wait_until(told, 10, message="it is told that it was not told")
    return task.id


def test_an_answer_that_was_not_told_is_sent_again(visitor: Visitor, untold: str) -> None:
    """Beside the task, with who asked and where, and why it was not told."""
    visitor.go(f"/tasks/{untold}")
    visitor.until("document.querySelector('.message-head')?.innerText.includes('octo/hello#7')")
    assert visitor.see(".message-head").inner_text().startswith("mona")
    assert "the issue is locked" in visitor.see("[aria-label='On GitHub']").inner_text()

    visitor.page.click("text=Send the answer again")
    visitor.until("!document.querySelector('[aria-label=\"On GitHub\"]').innerText.includes('locked')")


@pytest.mark.usefixtures("refused")
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_fits_a_phone(phone: Visitor, theme: str) -> None:
    """No sideways scrolling but in the table."""
    phone.go("/settings#github")
    phone.see("#github-body tbody tr")
    phone.run(f"document.documentElement.dataset.theme = '{theme}'")

    # Where it was asked for, whatever stands above it.
    phone.until("Math.abs(document.getElementById('github').getBoundingClientRect().top) < 40")
    assert phone.run("document.documentElement.scrollWidth <= innerWidth")
