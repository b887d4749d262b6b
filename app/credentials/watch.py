"""What control looks after, every few seconds: ends that come near, new tokens, and Tasks that may go on."""

import structlog

from app.clock import utcnow
from app.credentials.refresh import Refresher
from app.credentials.safe import Safe
from app.credentials.waiting import Waiting
from app.db import credentials
from app.db.engine import Database
from app.domain.credential import ENDED, Credential, CredentialState, Kind

log = structlog.get_logger()


class Watch:
    """Safe to run in several processes: each step is one conditional UPDATE."""

    def __init__(self, db: Database, safe: Safe, waiting: Waiting, refresher: Refresher | None) -> None:
        self._db = db
        self._safe = safe
        self._waiting = waiting
        self._refresher = refresher

    def look(self) -> None:
        """Look at every Credential once; raises Unavailable while the database is away."""
        for credential in self._db.read(credentials.all_of):
            if not self._safe.readable(credential):
                continue
            if not self._refreshed(credential):
                self._warn(credential)
            if credential.state is CredentialState.REFUSED:
                self._probe(credential)
        self._release()

    def _refreshed(self, credential: Credential) -> bool:
        if self._refresher is None or credential.kind is not Kind.CLAUDE_OAUTH:
            return False
        if credential.state is CredentialState.EXPIRED or not self._refresher.wanted(credential):
            return False
        return self._refresher.refresh(credential)

    def _warn(self, credential: Credential) -> None:
        """Say once for each step that its end comes near; the page says it all the time."""
        warning = credential.warning(utcnow(), renewed=self._refresher is not None)
        if warning is None or warning == credential.warned:
            return
        if not self._db.write(credentials.note_warned, credential, warning):
            return
        ends = str(credential.expires_at)
        if warning == ENDED:
            log.warning("credential_expired", credential=credential.name, ended=ends)
        else:
            log.warning("credential_expires", credential=credential.name, within=warning, ends=ends)

    def _probe(self, credential: Credential) -> None:
        chosen = self._db.write(credentials.begin_probe, credential.name)
        if chosen is not None:
            log.info("credential_probed", credential=credential.name, task_id=chosen)
            self._waiting.ring([chosen])

    def _release(self) -> None:
        """Let go on whoever waits for what can be used by now, whoever mended it."""
        for name in self._db.read(credentials.awaited):
            if self._usable(name):
                self._waiting.release(name)

    def _usable(self, name: str) -> bool:
        found = self._db.read(credentials.named, [name]).get(name)
        if found is None:
            return ":" in name  # an environment of which nothing bad is known (any more)
        return found.stands(utcnow()) is CredentialState.USABLE and self._safe.readable(found)
