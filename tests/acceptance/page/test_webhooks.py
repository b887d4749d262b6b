"""The settings' section of webhooks: made with its secret shown once, tried, delivered to, removed."""

import json

import pytest

from app.webhooks.signing import signature

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


def make(visitor: Visitor, callback: str = "") -> str:
    """Fill in the form; return the secret that is shown."""
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


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_fits_on_a_phone(phone: Visitor, theme: str) -> None:
    """Nothing is wider than the screen, in either theme, with a secret and a panel open."""
    make(phone, "https://hooks.example/a/long/address/that/goes/on/and/on/and/on/and/on/for/ever/and/ever")
    phone.see(ROW).locator("button", has_text="Edit").click()
    phone.see(f"{ROW} form")
    phone.run(f"document.documentElement.dataset.theme = '{theme}'")

    assert phone.run("document.documentElement.scrollWidth <= window.innerWidth")
