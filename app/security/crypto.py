"""The Vault: encrypts what is kept in the database, under keys that are not in it."""

import json
from collections.abc import Sequence
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from app.errors import ErrandError


class Unreadable(ErrandError):
    """It was encrypted under a key that this process does not have."""

    reason = "credential_unreadable"


class Vault:
    """Seals under the newest key and opens under any of them; thread-safe, for it never changes."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._newest = Fernet(keys[0])
        self._all = MultiFernet([Fernet(key) for key in keys])

    def seal(self, name: str, content: dict[str, Any]) -> str:
        """Return `content` encrypted, bound to `name`: under another one it will not open."""
        return self._newest.encrypt(json.dumps({"name": name, "content": content}).encode()).decode()

    def open(self, name: str, sealed: str) -> dict[str, Any]:
        """Return what was sealed as `name`; raises Unreadable."""
        try:
            found = json.loads(self._all.decrypt(sealed))
        except (InvalidToken, ValueError):
            raise Unreadable from None
        # Somebody who can write to the database could give one agent another one's credential.
        if not isinstance(found, dict) or found.get("name") != name:
            raise Unreadable
        content: dict[str, Any] = found["content"]
        return content

    def is_newest(self, sealed: str) -> bool:
        """Whether `sealed` opens under the newest key."""
        try:
            self._newest.decrypt(sealed)
        except (InvalidToken, ValueError):
            return False
        return True

    def renewed(self, sealed: str) -> str:
        """Return `sealed` under the newest key; raises Unreadable."""
        try:
            return self._all.rotate(sealed).decode()
        except (InvalidToken, ValueError):
            raise Unreadable from None
