"""The thread of a worker that clears its own disk: purge, a job of control's, reaches only control's."""

import threading
from datetime import timedelta
from pathlib import Path

import structlog

from app.clock import utcnow
from app.db.engine import Database
from app.errors import Unavailable
from app.runner.purge import remove_strays

log = structlog.get_logger()

#: Seconds between two looks.
EVERY = 3600.0


class Strays:
    """Removes directories of conversations that retention has deleted elsewhere."""

    def __init__(self, db: Database, data_dir: Path, *, days: int) -> None:
        self._db = db
        self._data_dir = data_dir
        self._days = days
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, name="strays", daemon=True)

    def start(self) -> None:
        """Look every hour, if anything is to go by age at all."""
        if self._days:
            self._thread.start()

    def close(self) -> None:
        """Stop looking; a directory that is just being removed may stay in part."""
        self._ended.set()

    def _look(self) -> None:
        while not self._ended.wait(EVERY):
            try:
                before = utcnow() - timedelta(days=self._days)
                gone = remove_strays(self._db, self._data_dir, before=before)
            except Unavailable as error:
                log.warning("strays_not_removed", error=error.message)
                continue
            except Exception:
                log.exception("strays_not_removed")
                continue
            if gone:
                log.info("strays_removed", directories=gone)
