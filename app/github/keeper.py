"""Keeps the one comment of each Task: makes it, changes it, and finishes it, whatever has died meanwhile.

Nothing is remembered here. What is to be done follows from the rows alone, each step can be done again, and
what was done is written down behind a fence. So a keeper may end at any point, and the next one goes on.
"""

from collections.abc import Callable
from datetime import timedelta

import structlog

from app.clock import utcnow
from app.db import bundles, events, tasks, turns
from app.db.engine import Database
from app.domain.reply import KeptReply
from app.domain.task import SessionId, Task, TaskState
from app.errors import ErrandError, Unavailable
from app.github import api_errors
from app.github.access import Scope
from app.github.ending import Ending
from app.github.ours import Ours
from app.github.plan import Step, plan_of
from app.github.publish import Publish
from app.github.teller import PASSING, Shown, Teller
from app.security.redact import Known

log = structlog.get_logger()

#: Seconds after which another takes over from one who no longer renews its turn.
TURN = 15.0
#: Seconds between two changes of a comment, and between two looks where nothing changed.
EDIT_EVERY, LOOK_EVERY = 10.0, 2.0
#: Seconds before the next try where GitHub is away, and tries (three days) after which there is no more.
_BACKOFF, _LONGEST, MOST_TRIES = 2.0, 60.0, 3 * 24 * 60
#: Of how many of the newest Events the plan is read.
_EVENTS = 1000


class Keeper:
    """Looks after Replies; thread-safe, and one of several."""

    def __init__(
        self,
        db: Database,
        ours: Ours,
        publish: Publish,
        shown: Shown,
        known: Known,
        *,
        ring_next: Callable[[SessionId], None],
    ) -> None:
        self._db = db
        #: The Session's next Task waits until what this one changed is where it goes on.
        self._ring_next = ring_next
        self._ours = ours
        self._known = known
        self._teller = Teller(db, ours, shown, known)
        self._ending = Ending(db, self._teller, publish, shown, known)
        self._held: dict[str, KeptReply] = {}

    def renew(self) -> None:
        """Go on having what is being kept; to be called every few seconds. Raises Unavailable."""
        if held := list(self._held.values()):
            self._db.write(turns.renew, held, utcnow(), seconds=TURN)

    def due(self, *, limit: int = 50) -> list[str]:
        """Return the Replies that have to be looked at now; raises Unavailable."""
        if self._db.read(turns.reopened):
            self._db.write(turns.reopen)
        return list(self._db.read(turns.due, utcnow(), limit=limit))

    def keep(self, reply_id: str) -> None:
        """Do what there is to do for one Reply, if nobody else does; raises Unavailable."""
        reply = self._db.write(turns.take, reply_id, utcnow(), seconds=TURN)
        if reply is None:
            return
        self._held[reply.id] = reply
        try:
            self._kept(reply)
        finally:
            self._held.pop(reply.id, None)

    def _kept(self, reply: KeptReply) -> None:
        try:
            self._turn(reply)
        except PASSING as error:
            self._postpone(reply, error)
        except api_errors.GitHubError as error:
            self._give_up(reply, error.message)
        except Unavailable:
            raise
        except Exception:
            # Whatever it is, somebody has to read of it, and the comment is to be finished when it is over.
            log.exception("reply_failed", reply_id=reply.id)
            self._postpone(reply, ErrandError("Something broke in control; its log says what."))

    def _turn(self, reply: KeptReply) -> None:
        self._ours.learn(reply)
        if reply.task_id is None:
            self._teller.comment(reply, self._known.clean_text(reply.text or ""))
            self._db.write(turns.finish, reply, None, utcnow(), problem=None)
            return
        task = self._db.read(tasks.get, reply.task_id)
        if task.state.final:
            self._finish(self._under_its_name(reply), task)
        else:
            self._show(reply, task)

    def _under_its_name(self, reply: KeptReply) -> KeptReply:
        """Return `reply` with what the repository is called now; its old name is good for reading only."""
        thread = reply.trigger.thread
        name = self._ours.client(thread.repository, Scope.READ).repository().full_name
        if name == thread.repository:
            return reply
        self._db.write(turns.rename, thread.repository_id, name)
        trigger = reply.trigger.model_copy(update={"thread": thread.model_copy(update={"repository": name})})
        return reply.model_copy(update={"trigger": trigger})

    def _show(self, reply: KeptReply, task: Task) -> None:
        """Tell how far it is."""
        ahead = self._db.read(turns.ahead, task.id)
        changed = self._teller.tell(reply, task, plan=self._plan(task), ahead=ahead)
        later = utcnow() + timedelta(seconds=EDIT_EVERY if changed else LOOK_EVERY)
        self._db.write(turns.keep, reply, next_at=later, tries=0, problem=None)

    def _finish(self, reply: KeptReply, task: Task) -> None:
        problem = self._ending.bring(reply, task)
        if self._db.write(turns.finish, reply, task.attempt, utcnow(), problem=problem):
            log.info("reply_finished", reply_id=reply.id, task_id=task.id, problem=problem)
            # What was not pushed is still there for one who sends it again.
            if problem is None:
                self._db.write(bundles.drop, task.id)
            self._ring_next(task.session_id)
        else:
            self._db.write(turns.keep, reply, next_at=None)

    def _plan(self, task: Task) -> tuple[Step, ...]:
        if task.state is not TaskState.RUNNING:
            return ()
        after = max(0, task.last_seq - _EVENTS)
        return plan_of(self._db.read(events.read, task.id, after=after, limit=_EVENTS))

    def _postpone(self, reply: KeptReply, error: ErrandError) -> None:
        now = utcnow()
        if reply.tries >= MOST_TRIES:
            self._give_up(reply, error.message)
            return
        wait = max(min(_LONGEST, _BACKOFF * 2 ** min(reply.tries, 8)), error.retry_after or 0.0)
        log.warning("reply_postponed", reply_id=reply.id, error=error.message, seconds=wait)
        values = {"tries": reply.tries + 1, "problem": error.message}
        self._db.write(turns.keep, reply, next_at=now + timedelta(seconds=wait), **values)

    def _give_up(self, reply: KeptReply, problem: str) -> None:
        """What cannot be told stays in the row, while the Task goes on and after it ended."""
        task_id = reply.task_id
        task = None if task_id is None else self._db.read(tasks.get, task_id)
        log.warning("reply_not_told", reply_id=reply.id, problem=problem)
        now = utcnow()
        if task is None or task.state.final:
            attempt = None if task is None else task.attempt
            if self._db.write(turns.finish, reply, attempt, now, problem=problem):
                if task is not None:
                    self._ring_next(task.session_id)
                return
        self._db.write(turns.keep, reply, next_at=now + timedelta(seconds=_LONGEST), problem=problem)
