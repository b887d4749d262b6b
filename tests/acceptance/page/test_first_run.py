"""The first minute: from the printed URL to a finished run, and what must not get lost on the way."""

import re

from tests.acceptance.conftest import Errand

from .visitor import Visitor

_TEXT = "[...document.querySelectorAll('.card-text')].map((card) => card.innerText).join(' ')"


def test_the_printed_url_leads_to_a_finished_run(stranger: Visitor, errand: Errand) -> None:
    """Open, take an example, watch it end: every kind of card, and no token left in the address."""
    stranger.page.goto(f"{errand.url}/#token={errand.token}")
    stranger.see(".example").click()
    stranger.see(".end .state-completed", timeout=30)

    assert re.fullmatch(r"/sessions/[0-9a-f-]{36}", stranger.run("location.pathname"))
    assert stranger.run("location.hash") == ""
    for card in (".card-text h2", ".thinking", ".card-tools", ".is-failed.is-open", ".piece.stderr", ".fold"):
        stranger.see(card)
    assert "turns" in stranger.see(".end .facts").inner_text()
    assert stranger.see(".entry[aria-current=page]").inner_text().startswith("Show me around")


def test_the_empty_page_invites(visitor: Visitor) -> None:
    """The box has the focus, demo is chosen while no CLI is ready, what is missing says how to mend it."""
    visitor.go("/")
    visitor.see(".missing-line")

    assert visitor.run("document.activeElement.id") == "prompt"
    assert visitor.run("document.querySelector('.agent-choice select').value") == "demo"
    assert "npm install" in visitor.see(".missing-line code").inner_text()


def test_a_reload_and_a_dropped_connection_lose_nothing(visitor: Visitor) -> None:
    """In the end everything the task printed is there exactly once, in order."""
    visitor.go("/")
    visitor.page.fill("#prompt", "Count to 400")
    visitor.page.press("#prompt", "Enter")
    visitor.until(rf"/\b61\b/.test({_TEXT})")
    visitor.page.reload()
    visitor.until(rf"/\b151\b/.test({_TEXT})")
    visitor.cut()
    visitor.see(".connection.is-away")
    visitor.see(".connection.is-live")
    visitor.see(".end .state-completed", timeout=30)

    numbers = [int(word) for word in visitor.run(_TEXT).split() if word.isdigit()]
    assert numbers == list(range(1, 401))


def test_a_half_typed_prompt_survives_a_reload(visitor: Visitor) -> None:
    """What was typed is still in the box."""
    visitor.go("/")
    visitor.see("#prompt").fill("half a thou")
    visitor.page.reload()
    visitor.see("#prompt")

    assert visitor.page.input_value("#prompt") == "half a thou"


def test_a_task_can_be_stopped_and_run_again_and_followed_up(visitor: Visitor) -> None:
    """Stopping asks, a follow-up waits its turn, and a retry is a second attempt in the same place."""
    visitor.go("/")
    visitor.page.fill("#prompt", "Keep working for 60 seconds")
    visitor.page.press("#prompt", "Enter")
    visitor.see(".now .stop")
    visitor.page.fill("#prompt", "Count to 5")
    visitor.page.press("#prompt", "Enter")
    assert "after the task before it" in visitor.see(".end.waiting").inner_text()

    visitor.page.click(".now .stop")
    visitor.see("dialog .danger").click()
    visitor.see(".end .state-cancelled")
    visitor.see(".task:nth-child(2) .end .state-completed")

    visitor.page.locator(".task:nth-child(2)").get_by_label("Run again").click()
    assert visitor.see(".task:nth-child(2) .attempt h3").inner_text() == "Attempt 2"
    visitor.see(".task:nth-child(2) .end .state-completed")


def test_what_is_not_there_says_so(visitor: Visitor) -> None:
    """An unknown conversation or task is a sentence, not an empty page."""
    for path in ("/sessions", "/tasks"):
        visitor.go(f"{path}/00000000-0000-4000-8000-000000000000")
        assert visitor.see(".not-found h1").inner_text().startswith("There is no such")
    # The browser's own console line for each 404 is no wrong of the page.
    visitor.wrongs = [wrong for wrong in visitor.wrongs if "404" not in wrong]
