"""The thread of control that sees to it that every Reply is told, and told to its end."""

import threading
from concurrent.futures import ThreadPoolExecutor

import structlog

from app.errors import Unavailable
from app.github.keeper import Keeper

log = structlog.get_logger()

#: Replies that are told at once: a push takes its time, and a comment should not wait for it.
AT_ONCE = 4


class Replies:
    """A thread rather than a job: an answer must not need the Redis that may be away.

    Several controls do no harm: each Reply is one's at a time, by its row.
    """

    def __init__(self, keeper: Keeper, *, every: float) -> None:
        self._keeper = keeper
        self._every = every
        self._ended = threading.Event()
        self._busy: set[str] = set()
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="reply")
        self._thread = threading.Thread(target=self._watch, name="replies", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def close(self) -> None:
        """Stop looking; what is being told is told, and what is not waits for the next control."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join(timeout=5)
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _watch(self) -> None:
        while not self._ended.wait(self._every):
            try:
                self._look()
            except Unavailable as error:
                log.warning("replies_not_looked_at", error=error.message)
            except Exception:
                log.exception("replies_not_looked_at")

    def _look(self) -> None:
        self._keeper.renew()
        for reply_id in self._keeper.due():
            if reply_id not in self._busy:
                self._busy.add(reply_id)
                self._pool.submit(self._keep, reply_id)

    def _keep(self, reply_id: str) -> None:
        try:
            self._keeper.keep(reply_id)
        except Unavailable as error:
            log.warning("reply_not_kept", reply_id=reply_id, error=error.message)
        except Exception:
            log.exception("reply_not_kept", reply_id=reply_id)
        finally:
            self._busy.discard(reply_id)
