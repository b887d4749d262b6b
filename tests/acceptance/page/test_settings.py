"""The settings page: from the link in the terminal to a team with roles, by hand in a real browser."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.acceptance.conftest import Errand, Starter

from .visitor import Visitor

_PASSWORD = "a password of some length"


@pytest.fixture
def fresh(start_errand: Starter) -> Errand:
    """An Errand that nobody has opened yet."""
    return start_errand()


@pytest.fixture
def people(browser: Browser, fresh: Errand) -> Iterator[list[Visitor]]:
    """Three browsers, each a person of their own."""
    visitors = [
        Visitor(
            browser.new_context(viewport={"width": 1280, "height": 860}, reduced_motion="reduce"), fresh.url
        )
        for _ in range(3)
    ]
    yield visitors
    for visitor in visitors:
        visitor.leave()


def test_from_the_first_link_to_a_team(fresh: Errand, people: list[Visitor]) -> None:
    """UI-06: the link, a user of one's own, a colleague who looks, a token, and what the audit says of it."""
    boss, colleague, again = people
    _become_a_user(boss, fresh)
    link = _invite(boss, "ada")
    _arrive(colleague, link)
    assert "You may look" in colleague.see(".looks-only").inner_text()
    assert colleague.page.locator("#prompt, .example").count() == 0
    colleague.go("/settings")
    colleague.see("#tokens-body .settings-form")
    assert colleague.page.locator("#users, #audit").count() == 0

    token = _make_token(boss)
    assert boss.context.request.get(
        f"{fresh.url}/api/tasks", headers={"Authorization": f"Bearer {token}", "Cookie": ""}
    ).ok
    boss.page.reload()
    told = boss.see("#audit-body tbody").inner_text()
    assert all(word in told for word in ("user made", "token made", "link", "sign-in"))
    assert token not in boss.page.content()
    again.go("/login")
    again.see("#login-name").fill("BOSS")
    again.page.fill("#password", _PASSWORD)
    again.page.click("#by-password button")
    again.see("#prompt")

    boss.page.click('[aria-label="Shut out ada"]')
    boss.see(".is-shut")
    colleague.page.reload()
    colleague.see("#login-name")
    colleague.wrongs = [wrong for wrong in colleague.wrongs if "401" not in wrong]


def _become_a_user(boss: Visitor, errand: Errand) -> None:
    boss.go(f"/#token={errand.fragment}")
    boss.see(".built-in a").click()
    boss.see("#account-body form")
    boss.page.fill("#account-body [name=login]", "boss")
    boss.page.fill("#account-body [name=password]", _PASSWORD)
    boss.page.click("#account-body form button")
    boss.until("document.querySelector('.settings-who').innerText.includes('boss')")
    boss.page.reload()


def _invite(boss: Visitor, login: str) -> str:
    boss.see("#users-body form")
    boss.page.fill("#users-body [name=login]", login)
    boss.page.click("#users-body form button")
    return boss.see("#users-body .settings-secret code").inner_text()


def _arrive(colleague: Visitor, link: str) -> None:
    colleague.page.goto(link)
    colleague.see("#account-body form")
    assert colleague.page.locator("#account-body [name=old]").count() == 0
    colleague.page.fill("#account-body [name=password]", _PASSWORD)
    colleague.page.click("#account-body form button")
    colleague.until("document.getElementById('live').innerText.startsWith('The password was changed')")
    colleague.go("/")


def _make_token(boss: Visitor) -> str:
    boss.page.fill("#tokens-body [name=name]", "ci")
    boss.page.click("#tokens-body form button")
    return boss.see("#tokens-body .settings-secret code").inner_text()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_fits_a_phone(phone: Visitor, theme: str) -> None:
    """No sideways scrolling but in the table; every control is tall enough for a thumb."""
    phone.go("/settings")
    phone.see("#audit-body tbody tr")
    phone.run(f"document.documentElement.dataset.theme = '{theme}'")

    assert phone.run("document.documentElement.scrollWidth <= innerWidth")
    assert phone.run(
        "[...document.querySelectorAll('.settings-body .button')].every((one) => one.offsetHeight >= 36)"
    )
