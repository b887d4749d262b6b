"""Keeps the one comment of each Task: makes it, changes it, and finishes it, whatever has died meanwhile.

Nothing is remembered here. What is to be done follows from the rows alone, each step can be done again, and
what was done is written down behind a fence. So a keeper may end at any point, and the next one goes on.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog

from app.clock import utcnow
from app.db import bundles, events, tasks, turns
from app.db.engine import Database
from app.domain.reply import KeptReply
from app.domain.task import SessionId, Task, TaskState
from app.domain.trigger import Subject, Target
from app.errors import ErrandError, Unavailable
from app.github import api_errors
from app.github.access import Scope
from app.github.client import Client
from app.github.defusing import defused
from app.github.errors import NoAccess
from app.github.git import GitAway
from app.github.ours import Ours
from app.github.plan import Step, plan_of
from app.github.publish import Publish, Published
from app.github.reply import render
from app.github.told import told
from app.security.redact import Known

log = structlog.get_logger()

#: Seconds after which another takes over from one who no longer renews its turn.
TURN = 15.0
#: Seconds between two changes of a comment, and between two looks where nothing changed.
EDIT_EVERY, LOOK_EVERY = 10.0, 2.0
#: Seconds before the next try where GitHub is away, and tries (three days) after which there is no more.
_BACKOFF, _LONGEST, MOST_TRIES = 2.0, 60.0, 3 * 24 * 60
#: How far GitHub's clock may be behind ours.
_CLOCKS = timedelta(hours=1)
#: Of how many of the newest Events the plan is read.
_EVENTS = 1000

#: What another try may help with.
_PASSES = (
    api_errors.Unreachable,
    api_errors.OutcomeUnknown,
    api_errors.RateLimited,
    api_errors.NotAuthenticated,
    GitAway,
    NoAccess,
)
_CONCLUSIONS = {
    TaskState.COMPLETED: ("success", "Done", "+1"),
    TaskState.FAILED: ("failure", "This did not work out", "confused"),
    TaskState.CANCELLED: ("cancelled", "Stopped", "confused"),
}
_REACTIONS = {reaction for _, _, reaction in _CONCLUSIONS.values()}


@dataclass(frozen=True)
class Shown:
    """How this installation shows itself."""

    #: The word that addresses us, which no comment of ours has.
    word: str
    #: Where people reach Errand.
    public_url: str | None = None

    def link(self, task_id: str) -> str | None:
        """Return the address of a Task's page."""
        return f"{self.public_url.rstrip('/')}/tasks/{task_id}" if self.public_url else None


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
        self._publish = publish
        self._shown = shown
        self._known = known
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
        except _PASSES as error:
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
        if reply.task_id is None:
            self._comment(reply, self._known.clean_text(reply.text or ""))
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
        now = utcnow()
        shown = told(
            reply,
            task,
            now=now,
            plan=self._plan(task),
            ahead=self._db.read(turns.ahead, task.id),
            link=self._shown.link(task.id),
        )
        changed = self._comment(reply, render(shown, word=self._shown.word, redactor=self._known.redactor))
        later = now + timedelta(seconds=EDIT_EVERY if changed else LOOK_EVERY)
        self._db.write(turns.keep, reply, next_at=later, tries=0, problem=None)

    def _finish(self, reply: KeptReply, task: Task) -> None:
        """Push what is to be pushed, tell how it went, and take back whatever said that it is going on."""
        problems: list[str] = []
        if task.state is TaskState.COMPLETED:
            try:
                reply = self._published(reply, task)
            except _PASSES:
                raise
            except api_errors.GitHubError as error:
                problems.append(error.message)
                reply = _unpublished(reply, task, error.message)
        shown = told(reply, task, now=utcnow(), link=self._shown.link(task.id))
        text = render(shown, word=self._shown.word, redactor=self._known.redactor)
        for step in (
            lambda: self._comment(reply, text),
            lambda: self._react(reply, task),
            lambda: self._check(reply, task),
        ):
            try:
                step()
            except _PASSES:
                raise
            except api_errors.GitHubError as error:
                # Locked, deleted, or not allowed: the other steps may be all the same.
                problems.append(error.message)
        problem = " ".join(problems) or None
        if self._db.write(turns.finish, reply, task.attempt, utcnow(), problem=problem):
            log.info("reply_finished", reply_id=reply.id, task_id=task.id, problem=problem)
            # What was not pushed is still there for one who sends it again.
            if problem is None:
                self._db.write(bundles.drop, task.id)
            self._ring_next(task.session_id)
        else:
            self._db.write(turns.keep, reply, next_at=None)

    def _published(self, reply: KeptReply, task: Task) -> KeptReply:
        done = Published.model_validate(reply.result) if reply.result else None
        if done is None or done.attempt != task.attempt:
            bundle = self._db.read(bundles.of_task, task.id, task.attempt)
            if bundle is None:
                return reply
            done = self._publish.push(reply, bundle, self._known.redactor)
            reply = self._noted(reply, done)
        if done.done:
            return reply
        link = self._shown.link(task.id)
        try:
            done = self._publish.open_pull(reply, done, task, link=link, redactor=self._known.redactor)
        except _PASSES:
            raise
        except api_errors.GitHubError as error:
            note = f"The branch is pushed, but no pull request could be opened: {error.message}"
            done = done.model_copy(update={"note": note, "done": True})
        return self._noted(reply, done)

    def _noted(self, reply: KeptReply, done: Published) -> KeptReply:
        values = {"result": done.model_dump(), "branch": done.branch, "pull_number": done.pull_number}
        return self._written(reply, **values)

    def _comment(self, reply: KeptReply, text: str) -> bool:
        """Make the comment, or change it where it says something else; return whether it did either."""
        digest = hashlib.sha256(text.encode()).hexdigest()
        if reply.comment_id is not None and reply.told == digest:
            return False
        thread = reply.trigger.thread
        client = self._ours.client(thread.repository, Scope.REPLY)
        comment_id = reply.comment_id
        if comment_id is None:
            # It may be there: made by one who ended before he could write that down.
            comment_id = self._found(client, reply)
        if comment_id is None:
            comment_id = self._made(client, reply, text)
        elif reply.reply_to is None:
            client.edit_comment(comment_id, text)
        else:
            client.edit_line_comment(comment_id, text)
        self._written(reply, comment_id=comment_id, told=digest)
        return True

    def _found(self, client: Client, reply: KeptReply) -> int | None:
        number, login = reply.trigger.thread.number, self._ours.login
        find = client.find_comment if reply.reply_to is None else client.find_line_comment
        found = find(number, reply.id, own_login=login, since=reply.created_at - _CLOCKS)
        return None if found is None else found.id

    def _made(self, client: Client, reply: KeptReply, text: str) -> int:
        number = reply.trigger.thread.number
        if reply.reply_to is None:
            return client.create_comment(number, text).id
        return client.answer_line_comment(number, reply.reply_to, text).id

    def _react(self, reply: KeptReply, task: Task) -> None:
        """Put the result in the place of the eyes."""
        thread = reply.trigger.thread
        target = reply.trigger.target or Target(subject=Subject.ISSUE, id=thread.number)
        client = self._ours.client(thread.repository, Scope.REPLY)
        result = _CONCLUSIONS[task.state][2]
        try:
            client.react(target, result)
            # The same reaction twice is one, so that this finds the eyes whose id nobody wrote down.
            eyes = client.react(target, "eyes") if reply.reaction_id is None else reply.reaction_id
            client.unreact(target, eyes)
            # An earlier try may have ended otherwise.
            for other in sorted(_REACTIONS - {result}) if task.attempt > 1 else ():
                client.unreact(target, client.react(target, other))
        except api_errors.NotThere:
            # Who asked has deleted the question since; the answer stands without it.
            return

    def _check(self, reply: KeptReply, task: Task) -> None:
        """Put the end on the commit it is about: as an end, so that none is ever left in progress."""
        if reply.head is None or reply.is_fork or reply.check_run_id is not None:
            return
        conclusion, title, _ = _CONCLUSIONS[task.state]
        try:
            client = self._ours.client(reply.trigger.thread.repository, Scope.CHECK)
            check = client.add_check(
                name="Errand",
                sha=reply.head.sha,
                link=self._shown.link(task.id),
                external_id=reply.id,
                conclusion=conclusion,
                title=title,
                summary=defused(self._known.clean_text(task.detail), word=self._shown.word) or title,
            )
        except (api_errors.NotPermitted, api_errors.Unprocessable):
            return  # only Apps may make them, and only those that were given the permission
        self._written(reply, check_run_id=check)

    def _plan(self, task: Task) -> tuple[Step, ...]:
        if task.state is not TaskState.RUNNING:
            return ()
        after = max(0, task.last_seq - _EVENTS)
        return plan_of(self._db.read(events.read, task.id, after=after, limit=_EVENTS))

    def _written(self, reply: KeptReply, **values: Any) -> KeptReply:
        if not self._db.write(turns.keep, reply, **values):
            raise api_errors.OutcomeUnknown("Somebody else keeps this reply now.")
        return reply.model_copy(update=values)

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


def _unpublished(reply: KeptReply, task: Task, problem: str) -> KeptReply:
    """Return the Reply that tells why nothing was pushed; its row does not, so that it can be done again."""
    done = Published(attempt=task.attempt, note=f"The changes could not be pushed: {problem}")
    return reply.model_copy(update={"result": done.model_dump()})
