"""The Safe: puts Credentials into the database encrypted, and opens them again."""

from collections.abc import Callable, Iterable
from datetime import datetime
from functools import partial

import structlog

from app.credentials.contents import Contents
from app.db import credentials
from app.db.engine import Connection, Database
from app.domain.credential import Credential, Kind, check_name, last4
from app.security.crypto import Unreadable, Vault

log = structlog.get_logger()


class Safe:
    """Used by web, workers and control alike; thread-safe."""

    def __init__(self, db: Database, vault: Vault, *, learn: Callable[[Iterable[str]], None]) -> None:
        self._db = db
        self._vault = vault
        #: Told every secret that passes through here, for this process's logs.
        self._learn = learn

    def put(
        self,
        name: str,
        contents: Contents,
        *,
        expires_at: datetime | None = None,
        within: Callable[[Callable[[Connection], Credential]], Credential] | None = None,
    ) -> Credential:
        """Keep a Credential, or a new value of one; raises Invalid for a bad name.

        `within` does the work in a transaction of the caller's, which writes down who did it.
        """
        check_name(name)
        self._learn(contents.secrets())
        pair = contents.oauth()
        work = partial(
            credentials.put,
            name=name,
            kind=Kind.ENV if pair is None else Kind.CLAUDE_OAUTH,
            variables=sorted(contents.variables),
            secret=self._vault.seal(name, contents.dump()),
            last4=last4(next(iter(contents.variables.values()))),
            expires_at=expires_at if pair is None else pair.expires_at,
        )
        return (within or self._db.write)(work)

    def seal(self, name: str, contents: Contents) -> str:
        """Return the contents encrypted, as a row of that name holds them."""
        self._learn(contents.secrets())
        return self._vault.seal(name, contents.dump())

    def open(self, credential: Credential) -> Contents:
        """Return what is inside; raises Unreadable where this process has not the key."""
        contents = Contents.load(self._vault.open(credential.name, credential.secret))
        self._learn(contents.secrets())
        return contents

    def readable(self, credential: Credential) -> bool:
        """Whether this process has its key."""
        if credential.kind is Kind.ENVIRONMENT:
            return True
        try:
            self.open(credential)
        except Unreadable:
            return False
        return True

    def secrets(self) -> list[str]:
        """Return everything in all Credentials that can be read, to be kept out of sight."""
        found: list[str] = []
        for credential in self._db.read(credentials.all_of):
            if credential.kind is Kind.ENVIRONMENT:
                continue
            try:
                found += self.open(credential).secrets()
            except Unreadable:
                continue
        return found

    def rotate(self) -> tuple[list[str], list[str]]:
        """Encrypt all under the newest key, one after the other; return the names done, and those unreadable.

        Safe while workers run that have the newest key too: each row changes whole. Begun again it goes on.
        """
        done, unreadable = [], []
        for credential in self._db.read(credentials.all_of):
            name, sealed = credential.name, credential.secret
            if credential.kind is Kind.ENVIRONMENT:
                continue
            if self._vault.is_newest(sealed):
                done.append(name)
                continue
            try:
                again = self._vault.renewed(sealed)
            except Unreadable:
                unreadable.append(name)
                continue
            # A value that came meanwhile is under the newest key already.
            self._db.write(credentials.reseal, name, before=sealed, after=again)
            done.append(name)
        log.info("credentials_rotated", done=done, unreadable=unreadable)
        return done, unreadable
