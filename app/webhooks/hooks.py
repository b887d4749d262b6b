"""Webhooks with their secrets: made, rotated and opened. A secret is shown once, to who makes it."""

import secrets
from collections.abc import Callable, Iterable
from datetime import datetime

from app.clock import utcnow
from app.db import webhooks
from app.db.engine import Connection, Database
from app.domain.webhook import Webhook, WebhookConfig, WebhookSettings
from app.security.crypto import Unreadable, Vault

#: How a secret of ours begins, for people and for scanners.
PREFIX = "whs_"
#: Earlier secrets that a webhook goes on to take at most: each costs a signature with every delivery.
_KEPT = 4


class Hooks:
    """Used by web and control; thread-safe. What changes rows takes a Connection, for the audit's sake."""

    def __init__(self, db: Database, vault: Vault, *, learn: Callable[[Iterable[str]], None]) -> None:
        self._db = db
        self._vault = vault
        #: Told every secret that passes through here, for this process's logs.
        self._learn = learn
        self._nobodys = self._seal("", [secrets.token_urlsafe(32)])

    def create(self, c: Connection, name: str, settings: WebhookSettings) -> tuple[Webhook, str, str]:
        """Return (a new one, its secret, the secret its callbacks are signed with); raises Conflict."""
        secret, callback = self._new(), self._new()
        WebhookConfig(name=name, secret=secret, **settings.model_dump())  # type: ignore[arg-type]
        sealed = self._seal(name, [secret])
        made = webhooks.create(
            c, name, settings, secret=sealed, callback_secret=self._seal(_callback(name), [callback])
        )
        return made, secret, callback

    def rotate(self, c: Connection, name: str, *, until: datetime) -> tuple[Webhook, str]:
        """Return (the webhook, its new secret); those that are good now are good too until then.

        All of them: nobody knows that the sender has the last one, whose answer may have been lost.
        """
        found, secret = webhooks.get(c, name), self._new()
        try:
            before = self.secrets(found)[:_KEPT]
        except Unreadable:
            before = []  # what nobody can read is good for nothing any more
        sealed = self._seal(name, [secret, *before])
        return webhooks.rotate(c, name, before=found.secret, secret=sealed, previous_until=until), secret

    def rotate_callback(self, c: Connection, name: str) -> tuple[Webhook, str]:
        """Return (the webhook, the secret its callbacks are signed with from now on)."""
        secret = self._new()
        return webhooks.rotate_callback(c, name, self._seal(_callback(name), [secret])), secret

    def secrets(self, hook: Webhook) -> list[str]:
        """Return those that a delivery may be signed with now; raises Unreadable."""
        found = self._open(hook.name, hook.secret)
        both = hook.previous_until is not None and utcnow() < hook.previous_until
        return found if both else found[:1]

    def nobodys_secrets(self) -> list[str]:
        """Return what stands for those of a webhook that is not there, in the time that opening takes."""
        return self._open("", self._nobodys)

    def callback_secret(self, hook: Webhook) -> str:
        """Return what callbacks are signed with; raises Unreadable."""
        return self._open(_callback(hook.name), hook.callback_secret)[0]

    def readable(self, hook: Webhook) -> bool:
        """Whether this process has the key of its secrets."""
        try:
            self.secrets(hook)
        except Unreadable:
            return False
        return True

    def reseal(self) -> tuple[list[str], list[str]]:
        """Encrypt all under the newest key; return those done and those unreadable, as webhook:NAME."""
        done, unreadable = [], []
        for hook in self._db.read(webhooks.every):
            try:
                again = {
                    "secret": self._vault.renewed(hook.secret),
                    "callback_secret": self._vault.renewed(hook.callback_secret),
                }
            except Unreadable:
                unreadable.append(_sealed_as(hook.name))
                continue
            self._db.write(webhooks.reseal, hook, **again)
            done.append(_sealed_as(hook.name))
        return done, unreadable

    def _new(self) -> str:
        made = PREFIX + secrets.token_urlsafe(32)
        self._learn([made])
        return made

    def _seal(self, name: str, values: list[str]) -> str:
        return self._vault.seal(_sealed_as(name), {"secrets": values})

    def _open(self, name: str, sealed: str) -> list[str]:
        found: list[str] = self._vault.open(_sealed_as(name), sealed)["secrets"]
        self._learn(found)
        return found


def _callback(name: str) -> str:
    """Return under which name a callback's secret is sealed; no webhook can be called so."""
    return f"{name}/callback"


def _sealed_as(name: str) -> str:
    return f"webhook:{name}"
