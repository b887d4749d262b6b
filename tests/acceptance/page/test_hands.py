"""By keyboard, and on a phone."""

import pytest

from app.domain.event import Text

from .stage import Stage
from .visitor import Visitor


@pytest.fixture
def three(stage: Stage) -> tuple[str, str, str]:
    """Three conversations, the newest first, as in the list."""
    oldest = stage.play("The oldest one", [Text(text="Oldest words.")])
    older = stage.play("The older one", [Text(text="Old words.")])
    newer = stage.play("The newer one", [Text(text="New words.")])
    return newer.session_id, older.session_id, oldest.session_id


def test_the_page_goes_by_keyboard(visitor: Visitor, three: tuple[str, str, str]) -> None:
    """Keys j and k go through the list, n for a new task, / to find, ? for the keys, Esc out of all of it."""
    newer, older, oldest = three
    keyboard, where = visitor.page.keyboard, "location.pathname"
    visitor.go(f"/sessions/{newer}")
    visitor.see("text=New words.")
    for session in three:
        visitor.see(f".entry[href='/sessions/{session}']")  # before the list is there, j has nowhere to go
    visitor.until("document.activeElement.id === 'prompt'")
    keyboard.press("Escape")

    for key, words, there in (
        ("j", "Old words.", older),
        ("j", "Oldest words.", oldest),
        ("k", "Old words.", older),
        ("k", "New words.", newer),
    ):
        keyboard.press(key)
        visitor.see(f"text={words}")
        assert visitor.run(where) == f"/sessions/{there}"
    keyboard.press("m")
    visitor.until("document.activeElement.id === 'prompt'")
    keyboard.press("Escape")

    keyboard.press("/")
    visitor.see(".palette input").type("older")
    visitor.until("document.querySelector('#found [aria-selected=true]')?.innerText.includes('older')")
    keyboard.press("Enter")
    visitor.until(f"{where} === '/sessions/{older}'")
    visitor.page.go_back()
    visitor.until(f"{where} === '/sessions/{newer}'")

    keyboard.press("Escape")
    keyboard.press("?")
    visitor.see("dialog .keys")
    keyboard.press("Escape")
    visitor.until("!document.querySelector('dialog')")
    keyboard.press("n")
    visitor.until(f"{where} === '/' && document.activeElement.id === 'prompt'")


def test_enter_sends_and_shift_enter_does_not(visitor: Visitor) -> None:
    """A message may have several lines."""
    visitor.go("/")
    visitor.see("#prompt").type("Count to 3")
    visitor.page.keyboard.press("Shift+Enter")
    visitor.page.keyboard.type("please")
    assert visitor.page.input_value("#prompt") == "Count to 3\nplease"
    visitor.page.keyboard.press("Enter")

    assert visitor.see(".message-text").inner_text() == "Count to 3\nplease"
    visitor.see(".end .state-completed")


def test_everything_has_a_name(visitor: Visitor, three: tuple[str, str, str]) -> None:
    """Landmarks, buttons and boxes say what they are to who can't see them."""
    visitor.go(f"/sessions/{three[0]}")
    visitor.see(".end .state-completed")
    unnamed = """
      [...document.querySelectorAll('button, a, input, select, textarea, nav, aside')]
        .filter((e) => !e.innerText?.trim() && !e.getAttribute('aria-label') && !e.closest('label'))
        .map((e) => e.outerHTML)
    """

    assert visitor.run(unnamed) == []
    assert visitor.run("document.querySelectorAll('main, nav, aside, h1').length") == 4


def test_the_list_is_a_drawer_on_a_phone(phone: Visitor, three: tuple[str, str, str]) -> None:
    """It opens, leads on, closes; and nothing is wider than the screen."""
    phone.go(f"/sessions/{three[0]}")
    phone.see("text=New words.")
    assert phone.run("document.querySelector('.side').inert")

    phone.page.click(".menu")
    phone.see(".has-drawer")
    phone.until("document.querySelector('.side').getBoundingClientRect().left === 0")
    phone.page.click(".entry[title='The older one']")
    phone.see("text=Old words.")

    assert phone.page.locator(".has-drawer").count() == 0
    assert phone.run("document.documentElement.scrollWidth") <= 390
    phone.page.click(".details-button")
    phone.see(".details h2")
    phone.page.click(".details-close")
    phone.until("!document.querySelector('.shows-details')")
