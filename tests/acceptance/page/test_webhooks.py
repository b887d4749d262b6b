"""The settings' section of webhooks: made with its secret shown once, tried, delivered to, removed."""

import json

import pytest
from playwright.sync_api import Route

from app.webhooks.signing import signature
from tests.waiting import wait_until

from .visitor import Visitor

SECTION = "#webhooks-body"
ROW = f"{SECTION} .settings-list > li"
SECRET = f"{SECTION} .settings-secret code"
BODY = {"alert": {"id": 7, "title": "disk full <b>now</b>"}}


@pytest.fixture(autouse=True)
def none_left(visitor: Visitor) -> None:
    """Each test begins without webhooks."""
    for one in visitor.api("/api/webhooks")["items"]:
        address = f"{visitor.url}/api/webhooks/{one['name']}"
        visitor.context.request.delete(address, headers={"Origin": visitor.url})


def make(visitor: Visitor, callback: str = "", *, arrive: bool = True) -> str:
    """Fill in the form; return the secret that is shown."""
    if arrive:
        visitor.go("/settings#webhooks")
    visitor.see(f"{SECTION} form")
    fields = {
        "name": "alerts",
        "agent": "demo",
        "dedupe": "alert.id",
        "callback_url": callback,
        "template": "Look into {{ alert.title }}.",
    }
    for name, value in fields.items():
        visitor.page.fill(f"{SECTION} form [name={name}]", value)
    visitor.page.click(f"{SECTION} form button[type=submit]")
    return visitor.see(SECRET).inner_text()


def change(visitor: Visitor, template: str) -> None:
    """Write another template, as another tab does."""
    now = {**visitor.api("/api/webhooks/alerts"), "template": template}
    answer = visitor.context.request.put(
        f"{visitor.url}/api/webhooks/alerts", data=now, headers={"Origin": visitor.url}
    )
    assert answer.ok, answer.text()


def deliver(visitor: Visitor, secret: str) -> int:
    """Deliver as a program does; return the status."""
    body = json.dumps(BODY).encode()
    headers = {"Content-Type": "application/json", "X-Errand-Signature": signature(secret, body)}
    return visitor.context.request.post(f"{visitor.url}/webhooks/alerts", data=body, headers=headers).status


def test_made_tried_and_delivered_to(visitor: Visitor) -> None:
    """The secret is shown once; a try shows the message; a delivery is listed with its task."""
    secret = make(visitor)
    assert secret.startswith("whs_")
    row = visitor.see(ROW)
    assert "asks demo · never used" in row.inner_text()
    row.locator("button", has_text="Try").first.click()
    visitor.page.fill(f"{ROW} textarea", json.dumps(BODY))
    visitor.page.click(f"{ROW} form button[type=submit]")
    tried = visitor.see(f"{ROW} .settings-found").inner_text()
    assert "A task for demo." in tried
    assert "disk full <b>now</b>" in tried

    assert deliver(visitor, secret) == 202
    assert deliver(visitor, secret) == 200
    visitor.page.reload()
    visitor.see(ROW).locator("button", has_text="Deliveries").click()
    listed = visitor.see(f"{ROW} .settings-deliveries").inner_text()
    assert "known already" in listed
    assert "A task for demo." in listed
    assert secret not in visitor.page.content()
    visitor.page.locator(f"{ROW} .settings-deliveries a").first.click()
    visitor.until("location.pathname.startsWith('/tasks/')")


def test_changed_switched_off_and_removed(visitor: Visitor) -> None:
    """What is refused is said with its line and nothing typed is lost; off, it takes nothing."""
    secret = make(visitor)
    visitor.see(ROW).locator("button", has_text="Edit").click()
    visitor.page.fill(f"{ROW} textarea", "one\n{{ a b }}")
    visitor.page.click(f"{ROW} form button[type=submit]")
    visitor.until(f"document.querySelector('{ROW} form .settings-problem').innerText.includes('Line 2')")
    assert visitor.page.input_value(f"{ROW} textarea") == "one\n{{ a b }}"
    visitor.wrongs.clear()  # the console names the 400, as it should
    visitor.page.fill(f"{ROW} textarea", "Better.")
    visitor.page.click(f"{ROW} form button[type=submit]")
    visitor.until(f"!document.querySelector('{ROW} form')")
    assert visitor.api("/api/webhooks/alerts")["template"] == "Better."
    assert visitor.api("/api/webhooks/alerts")["dedupe"] == "alert.id"

    visitor.page.click('[aria-label="Switch off alerts"]')
    visitor.see(f"{ROW}.is-shut")
    assert deliver(visitor, secret) == 403
    visitor.page.click('[aria-label="New secret for alerts"]')
    visitor.until(f"document.querySelector('{SECRET}').textContent !== '{secret}'")
    remove = visitor.page.locator('[aria-label="Remove alerts"]')
    remove.click()
    remove.click()
    visitor.until(f"document.querySelectorAll('{ROW}').length === 0")


def test_an_end_that_was_not_told_is_told_again(visitor: Visitor) -> None:
    """Where it was given up there is a way on; a list that is tried is refused as it would be."""
    deliver(visitor, make(visitor, "https://localhost/told"))

    def given_up() -> bool:
        [one] = visitor.api("/api/webhooks/alerts/deliveries")["items"]
        return bool(one["callback"]["state"] == "failed")

    wait_until(given_up, 30, message="no private address is told")
    visitor.see(ROW).locator("button", has_text="Deliveries").click()
    visitor.see(f"{ROW} .settings-deliveries button >> text=Tell again").click()
    wait_until(
        lambda: visitor.api("/api/audit?limit=1")["items"][0]["action"] == "callback sent again",
        10,
        message="it is told again",
    )

    visitor.page.click('[aria-label="Try: alerts"]')
    visitor.page.fill(f"{ROW} textarea", "[1]")
    visitor.page.click(f"{ROW} form button[type=submit]")
    visitor.until(
        f"document.querySelector('{ROW} form .settings-problem').innerText.includes('not an object')"
    )
    visitor.wrongs.clear()  # the console names the 400, as it should


@pytest.mark.parametrize("button", ["form button[type=submit]", '[aria-label="Switch on alerts"]'])
def test_what_is_typed_outlives_the_list_and_the_sign_in(visitor: Visitor, button: str) -> None:
    """Whatever is read again meanwhile, and whoever or whatever finds out that the sign-in has ended."""
    make(visitor)
    typed = {"name": "other", "agent": "planning", "dedupe": "a.b", "template": "Look at {{ a }}."}
    for name, value in typed.items():
        visitor.page.fill(f"{SECTION} > form [name={name}]", value)
    visitor.page.check(f"{SECTION} > form [name=bearer]")

    def held() -> bool:
        values = {name: visitor.page.input_value(f"{SECTION} > form [name={name}]") for name in typed}
        return values == typed and visitor.page.is_checked(f"{SECTION} > form [name=bearer]")

    visitor.page.click('[aria-label="Switch off alerts"]')
    visitor.see(f"{ROW}.is-shut")
    assert held()

    cookies = visitor.context.storage_state()["cookies"]
    visitor.context.clear_cookies()
    visitor.page.locator(f"{SECTION} {button}").first.click()
    visitor.page.wait_for_url("**/login?*")
    visitor.wrongs.clear()  # the console names the 401, as it should
    visitor.context.add_cookies(cookies)  # type: ignore[arg-type]  # the same, under another name
    visitor.page.reload()
    visitor.see(ROW)
    assert visitor.page.url.endswith("/settings#webhooks")
    assert held()


def test_the_next_is_typed_while_the_list_is_read(visitor: Visitor) -> None:
    """The form is empty when the secret is shown, however long the list takes, and is left alone then."""
    slow: list[Route] = []
    visitor.go("/settings#webhooks")
    visitor.see(f"{SECTION} form")
    visitor.page.route(
        "**/api/webhooks",
        lambda route: slow.append(route) if route.request.method == "GET" else route.continue_(),
    )
    make(visitor, arrive=False)
    assert visitor.page.input_value(f"{SECTION} > form [name=name]") == ""
    visitor.page.fill(f"{SECTION} > form [name=name]", "next")

    slow.pop().continue_()
    visitor.see(ROW)
    assert visitor.page.input_value(f"{SECTION} > form [name=name]") == "next"


def test_a_double_click_is_one(visitor: Visitor) -> None:
    """A secret is replaced once, and nothing is removed that was not asked about; the focus stays."""
    make(visitor)
    assert visitor.run("document.activeElement.textContent") == "Make webhook"
    visitor.page.dblclick('[aria-label="New secret for alerts"]')
    visitor.until(f"document.querySelector('{ROW}').innerText.includes('secrets before are good')")
    visitor.page.dblclick('[aria-label="Remove alerts"]')
    visitor.until("document.activeElement.textContent.trim() === 'Really remove'")

    made = [one["action"] for one in visitor.api("/api/audit?limit=3")["items"]]
    assert made == ["webhook rotated", "webhook made", made[2]]


def test_two_tabs_do_not_undo_each_other(visitor: Visitor) -> None:
    """A switch changes nothing else; who saves over another's words is told first."""
    make(visitor)
    visitor.see(ROW).locator("button", has_text="Edit").click()
    visitor.page.fill(f"{ROW} textarea", "Mine.")
    change(visitor, "Theirs.")
    visitor.page.click('[aria-label="Switch off alerts"]')
    visitor.see(f"{ROW}.is-shut")
    found = visitor.api("/api/webhooks/alerts")
    assert (found["template"], found["enabled"]) == ("Theirs.", False)

    visitor.page.click(f"{ROW} form button[type=submit]")
    visitor.until(f"document.querySelector('{ROW} form .settings-problem').innerText.includes('Save again')")
    assert visitor.page.input_value(f"{ROW} textarea") == "Mine."
    visitor.page.click(f"{ROW} form button[type=submit]")
    visitor.until(f"!document.querySelector('{ROW} form')")
    found = visitor.api("/api/webhooks/alerts")
    assert (found["template"], found["enabled"]) == ("Mine.", False)


def test_a_list_that_cannot_be_read_again_says_so(visitor: Visitor) -> None:
    """What was done may not be seen yet; there is a way to see it, and the sentence goes then."""
    make(visitor)

    def away(route: Route) -> None:
        return route.abort() if route.request.method == "GET" else route.continue_()

    visitor.page.route("**/api/webhooks", away)
    visitor.page.click('[aria-label="Switch off alerts"]')

    age = visitor.see(f"{SECTION}-age")
    assert "may be old" in age.inner_text()
    visitor.page.unroute_all()
    age.locator("button").click()
    visitor.see(f"{ROW}.is-shut")
    assert age.text_content() == ""
    visitor.wrongs.clear()  # the console names the request that failed


def test_an_answer_that_is_lost_leaves_no_hidden_webhook(visitor: Visitor) -> None:
    """It is listed, so that it can be given another secret; one that is gone already can be removed."""

    def lose(route: Route) -> None:
        if route.request.method != "POST":
            return route.continue_()
        route.fetch()
        return route.abort()

    visitor.go("/settings#webhooks")
    visitor.page.route("**/api/webhooks", lose)
    visitor.page.fill(f"{SECTION} form [name=name]", "alerts")
    visitor.page.fill(f"{SECTION} form [name=template]", "Look.")
    visitor.page.click(f"{SECTION} form button[type=submit]")
    visitor.see(ROW)
    assert "cannot be reached" in visitor.see(f"{SECTION} form .settings-problem").inner_text()

    visitor.context.request.delete(f"{visitor.url}/api/webhooks/alerts", headers={"Origin": visitor.url})
    for _ in range(2):
        visitor.page.click('[aria-label="Remove alerts"]')
    visitor.until(f"document.querySelectorAll('{ROW}').length === 0")
    visitor.wrongs.clear()  # the console names both


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_fits_on_a_phone(phone: Visitor, theme: str) -> None:
    """Nothing is wider than the screen, in either theme, with a secret and a panel open."""
    make(phone, "https://hooks.example/a/long/address/that/goes/on/and/on/and/on/and/on/for/ever/and/ever")
    phone.see(ROW).locator("button", has_text="Edit").click()
    phone.see(f"{ROW} form")
    phone.run(f"document.documentElement.dataset.theme = '{theme}'")

    assert phone.run("document.documentElement.scrollWidth <= window.innerWidth")
