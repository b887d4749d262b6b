"""Somebody in front of the page, who notices what a page must never do."""

from typing import Any

from playwright.sync_api import BrowserContext, ConsoleMessage, Dialog, Locator, Page, Request, StorageState

from tests.waiting import wait_until

#: Keeps the page's sockets where a test can cut them, as a network does.
_KEEP_SOCKETS = """
window.sockets = [];
window.WebSocket = class extends WebSocket {
  constructor(...given) { super(...given); window.sockets.push(this); }
};
"""


class Visitor:
    """One browser profile with one page."""

    def __init__(self, context: BrowserContext, url: str) -> None:
        context.set_default_timeout(15_000)
        self.url = url
        self.context = context
        self.wrongs: list[str] = []
        context.add_init_script(_KEEP_SOCKETS)
        self.page: Page = context.new_page()
        self.page.on("console", self._console)
        self.page.on("dialog", self._dialog)
        self.page.on("pageerror", lambda error: self.wrongs.append(f"error: {error}"))
        context.on("request", self._request)

    def sign_in(self, token: str) -> None:
        """Get the cookie, without the page."""
        answer = self.context.request.post(f"{self.url}/login", data={"token": token})
        assert answer.ok, answer.text()

    def arrive(self, state: StorageState) -> None:
        """Begin again with nothing but what `state` holds, in the page there is."""
        self.wrongs = []
        self.context.clear_cookies()
        cookies: Any = state["cookies"]  # the same, under another name
        self.context.add_cookies(cookies)
        cdp = self.context.new_cdp_session(self.page)
        cdp.send("Storage.clearDataForOrigin", {"origin": self.url, "storageTypes": "local_storage"})
        cdp.detach()

    def rest(self) -> None:
        """Leave this Errand, but keep the page; fail for what it did wrong."""
        self.page.unroute_all()
        self.page.goto("about:blank")
        assert not self.wrongs, self.wrongs

    def go(self, path: str) -> None:
        """Open an address of this Errand."""
        self.page.goto(f"{self.url}{path}")

    def see(self, selector: str, *, timeout: float = 15) -> Locator:
        """Wait until it is there, and return it."""
        found = self.page.locator(selector).first
        found.wait_for(timeout=timeout * 1000)
        return found

    def run(self, script: str) -> Any:
        """Evaluate `script` in the page."""
        return self.page.evaluate(script)

    def until(self, script: str, *, timeout: float = 15) -> Any:
        """Wait until `script` is true in the page; Playwright's own way needs eval, which is forbidden."""
        return wait_until(lambda: self.run(script), timeout, interval=0.05, message=script)

    def cut(self) -> None:
        """Break every WebSocket the page has."""
        self.run("window.sockets.forEach((socket) => socket.close())")

    def api(self, path: str) -> Any:
        """Return what REST says."""
        return self.context.request.get(f"{self.url}{path}").json()

    def leave(self) -> None:
        """Close the page; fail for what it did wrong."""
        self.context.close()
        assert not self.wrongs, self.wrongs

    def _console(self, message: ConsoleMessage) -> None:
        if message.type == "error" or "Content Security Policy" in message.text:
            self.wrongs.append(f"console: {message.text}")

    def _dialog(self, dialog: Dialog) -> None:
        self.wrongs.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _request(self, request: Request) -> None:
        if not request.url.startswith((self.url, "data:", "blob:")):
            self.wrongs.append(f"request: {request.url}")
