"""A process of its own that sends what is due, once: to be killed in the middle of it."""

import sys

from app.db.engine import Database
from app.security.crypto import Vault
from app.webhooks.callbacks import Callbacks
from app.webhooks.hooks import Hooks

if __name__ == "__main__":
    url, key, host = sys.argv[1:]
    database = Database(url)
    hooks = Hooks(database, Vault([key]), learn=lambda _: None)
    allowed = frozenset({host})
    Callbacks(database, hooks, clean=str, allowed=allowed, public_url=None).send_due()
