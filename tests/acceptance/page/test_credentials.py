"""The settings' section of credentials: stored, shown without the value, tried again, removed."""

from collections.abc import Iterator

import pytest

from app.db import credentials
from app.db.engine import Database
from tests.acceptance.conftest import Errand

from .visitor import Visitor

VALUE = "sk-ant-api03-a-value-that-is-shown-nowhere-wxyz"
SECTION = "#credentials-body"
ROW = f"{SECTION} li"
NONE = f"{SECTION} > .settings-note"
ROWS = f"document.querySelectorAll('{ROW}').length"


@pytest.fixture(autouse=True)
def none_left(visitor: Visitor) -> None:
    """Other tests of the page find no credential."""
    for one in visitor.api("/api/credentials")["items"]:
        visitor.context.request.delete(
            f"{visitor.url}/api/credentials/{one['name']}", headers={"Origin": visitor.url}
        )


@pytest.fixture
def database(errand: Errand) -> Iterator[Database]:
    """The database of the Errand that is visited."""
    database = Database(f"sqlite:///{errand.data / 'errand.db'}")
    yield database
    database.close()


def store(visitor: Visitor, name: str) -> None:
    """Fill in the form and send it, by keyboard alone."""
    visitor.go("/settings#credentials")
    visitor.see(f"{ROW}, {NONE}")
    visitor.page.focus(f"{SECTION} [name=name]")
    keyboard = visitor.page.keyboard
    keyboard.type(name)
    keyboard.press("Tab")
    keyboard.press("Tab")
    keyboard.type(VALUE)
    keyboard.press("Enter")


def test_stored_it_is_listed_without_its_value(visitor: Visitor) -> None:
    """SEC-03: the page knows its last four characters; the box is empty again."""
    store(visitor, "anthropic")

    said = visitor.see(ROW).inner_text()

    assert "anthropic" in said
    assert "usable" in said
    assert "sets ANTHROPIC_API_KEY" in said
    assert "ends in wxyz" in said
    assert VALUE not in visitor.page.content()
    assert visitor.page.input_value(f"{SECTION} [name=value]") == ""


def test_it_is_removed_when_one_says_so_twice(visitor: Visitor) -> None:
    """What is removed cannot be had back."""
    store(visitor, "anthropic")
    remove = visitor.see(f"{ROW} button")

    remove.click()
    assert visitor.run(ROWS) == 1
    assert remove.inner_text() == "Really remove"
    remove.click()

    visitor.until(f"{ROWS} === 0")
    assert visitor.see(NONE).is_visible()


def test_a_refused_one_says_so_and_can_be_tried_again(visitor: Visitor, database: Database) -> None:
    """With the sentence that says what to do, here and above all else of the other pages."""
    store(visitor, "anthropic")
    visitor.see(ROW)
    revision = database.read(credentials.get, "anthropic").revision
    database.write(credentials.refuse, "anthropic", revision, detail="It was refused. Replace it.")
    visitor.go("/")
    visitor.until("document.querySelector('.banner')?.innerText.includes('It was refused. Replace it.')")

    visitor.go("/settings#credentials")
    row = visitor.see(ROW)
    assert "refused" in row.inner_text()
    assert "It was refused. Replace it." in row.inner_text()
    row.locator("button", has_text="Try again").click()

    visitor.until(f"document.querySelector('{ROW} .badge')?.textContent === 'usable'")


def test_what_is_refused_is_said_and_nothing_is_lost(visitor: Visitor) -> None:
    """A file that is none: the sentence of the server, and what was typed stays."""
    visitor.go("/settings#credentials")
    visitor.see(f"{SECTION} form")
    visitor.page.select_option(f"{SECTION} [name=kind]", "claude")
    visitor.page.fill(f"{SECTION} [name=name]", "oauth")
    visitor.page.fill(f"{SECTION} textarea", "{}")
    with visitor.page.expect_response("**/api/credentials/oauth") as answer:
        visitor.page.click(f"{SECTION} button[type=submit]")

    assert answer.value.status == 400
    assert "claudeAiOauth" in visitor.see(f"{SECTION} form .settings-problem").inner_text()
    assert visitor.page.input_value(f"{SECTION} textarea") == "{}"
    visitor.wrongs.clear()  # the console names the 400, as it should


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_fits_on_a_phone(phone: Visitor, theme: str) -> None:
    """Nothing is wider than the screen, in either theme."""
    phone.go("/settings#credentials")
    phone.see(f"{SECTION} form")
    phone.run(f"document.documentElement.dataset.theme = '{theme}'")

    assert phone.run("document.documentElement.scrollWidth <= window.innerWidth")
