"""Telling whoever wants to know that a Task has ended, at least once, for hours if need be."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from uuid import NAMESPACE_URL, uuid5

import orjson
import structlog

import app
from app.clock import rfc3339, utcnow
from app.db import callbacks, tasks, webhooks
from app.db.engine import Database
from app.domain.task import Task
from app.domain.view import task_json
from app.domain.webhook import Callback, pause_before_callback
from app.errors import ErrandError, NotFound, Unavailable
from app.security.crypto import Unreadable
from app.webhooks.errors import BadAddress
from app.webhooks.hooks import Hooks
from app.webhooks.post import IN_ALL, Refused, post
from app.webhooks.reach import Resolver, resolve
from app.webhooks.signing import SIGNATURE, signature

log = structlog.get_logger()

#: Sent beside each other, and looked for at a time: one receiver that hangs holds up few others.
AT_ONCE, MOST = 8, 32
#: Seconds after which somebody else may send what one has taken: more than one POST can last.
TAKEN = 3 * IN_ALL
#: Characters of a result, and of other texts, that are sent.
LONGEST_RESULT, LONGEST_TEXT = 64 * 1024, 4096
#: What a receiver says that wants no more of it.
GONE = 410


class Callbacks:
    """Sends what is due. Safe to run in several processes: each Callback is taken by one at a time."""

    def __init__(
        self,
        db: Database,
        hooks: Hooks,
        *,
        clean: Callable[[str], str],
        allowed: frozenset[str],
        public_url: str | None,
        resolver: Resolver = resolve,
    ) -> None:
        self._db = db
        self._hooks = hooks
        self._clean = clean
        self._public_url = (public_url or "").rstrip("/")
        self._post = partial(post, allowed=allowed, resolver=resolver)
        self._lock = threading.Lock()

    def send_due(self, *, closing: Callable[[], bool] = lambda: False) -> int:
        """Send what is due, and return how many; 0 at once where this process is at it already.

        Raises Unavailable where the database is away.
        """
        if not self._lock.acquire(blocking=False):
            return 0
        try:
            found = self._db.read(callbacks.due, utcnow(), limit=MOST)
            if found:
                with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="callback") as pool:
                    list(pool.map(partial(self._send, closing=closing), found))
            return len(found)
        finally:
            self._lock.release()

    def _send(self, found: Callback, *, closing: Callable[[], bool]) -> None:
        if closing():
            return
        try:
            self._send_one(found)
        except Unavailable as error:
            # Its row says that it is taken: once that is over it is sent, perhaps again, under the same id.
            log.warning("callback_not_marked", callback=found.id, error=error.message)

    def _send_one(self, found: Callback) -> None:
        taken = self._db.write(callbacks.take, found, until=utcnow() + timedelta(seconds=TAKEN))
        if taken is None:
            return
        began = time.monotonic()
        try:
            self._deliver(taken)
        except ErrandError as error:
            self._not_arrived(taken, error)
            return
        self._db.write(callbacks.sent, taken)
        took = round(time.monotonic() - began, 3)
        log.info("callback_sent", callback=taken.id, task_id=taken.task_id, tries=taken.tries, seconds=took)

    def _deliver(self, taken: Callback) -> None:
        hook = self._db.read(webhooks.get, taken.webhook)
        secret = self._hooks.callback_secret(hook)
        task = self._db.read(tasks.get, taken.task_id)
        body = self._body(taken, task)
        sent_at = str(int(time.time()))
        headers = {
            "Content-Type": "application/json",
            "User-Agent": f"Errand/{app.__version__}",
            "X-Errand-Delivery": delivery_id(taken),
            "X-Errand-Timestamp": sent_at,
            SIGNATURE: signature(secret, sent_at.encode() + b"." + body),
        }
        self._post(taken.url, body, headers)

    def _body(self, taken: Callback, task: Task) -> bytes:
        shown = task_json(task, ())
        told = {name: self._text(name, value) for name, value in shown.items() if name in _TOLD}
        page = f"{self._public_url}/tasks/{task.id}" if self._public_url else None
        ended = None if taken.ended_at is None else rfc3339(taken.ended_at)
        content = {"id": delivery_id(taken), "webhook": taken.webhook, "ended_at": ended, "url": page}
        return orjson.dumps({**content, "task": told})

    def _text(self, name: str, value: object) -> object:
        if not isinstance(value, str):
            return value
        longest = LONGEST_RESULT if name == "result" else LONGEST_TEXT
        # Cleaned before it is cut: half of a secret is not recognised.
        return self._clean(value)[:longest]

    def _not_arrived(self, taken: Callback, error: ErrandError) -> None:
        final = isinstance(error, BadAddress | NotFound | Unreadable)
        final = final or (isinstance(error, Refused) and error.status == GONE)
        pause = None if final else pause_before_callback(taken.tries, error.retry_after)
        log.warning(
            "callback_failed", callback=taken.id, tries=taken.tries, error=error.message, again_in=pause
        )
        if pause is None:
            self._db.write(callbacks.give_up, taken, detail=error.message)
        else:
            again = utcnow() + timedelta(seconds=pause)
            self._db.write(callbacks.postpone, taken, detail=error.message, again=again)


_TOLD = frozenset(
    {
        *("id", "session_id", "agent", "cli", "state", "reason", "detail", "attention", "created_at"),
        *("started_at", "finished_at", "duration_s", "cost_usd", "tokens", "result", "from_outside"),
    }
)


def delivery_id(taken: Callback) -> str:
    """Return the id of telling this end of this Task: the same however often it is sent."""
    ended = "" if taken.ended_at is None else rfc3339(taken.ended_at)
    return str(uuid5(NAMESPACE_URL, f"{taken.id}:{ended}"))
