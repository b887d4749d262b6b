"""Tells of a Reply where it was asked for: in a comment, with a reaction, and with a check run.

Each step can be done again: it looks for what is there first, and writes down what it did behind a fence.
"""

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from app.clock import utcnow
from app.db import turns
from app.db.engine import Database
from app.domain.reply import KeptReply
from app.domain.task import Task, TaskState
from app.domain.trigger import Subject, Target
from app.github import api_errors
from app.github.access import Scope
from app.github.client import Client
from app.github.defusing import defused
from app.github.errors import NoAccess
from app.github.git import GitAway
from app.github.ours import Ours
from app.github.plan import Step
from app.github.publish import Published
from app.github.reply import render
from app.github.told import told
from app.security.redact import Known

#: What another try may help with.
PASSING = (
    api_errors.Unreachable,
    api_errors.OutcomeUnknown,
    api_errors.RateLimited,
    api_errors.NotAuthenticated,
    GitAway,
    NoAccess,
)

#: How far GitHub's clock may be behind ours.
_CLOCKS = timedelta(hours=1)
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


class Teller:
    """Speaks for whoever has the Reply's turn; thread-safe.

    All of it raises GitHubError, of which those in PASSING are worth another try, and Unavailable.
    """

    def __init__(self, db: Database, ours: Ours, shown: Shown, known: Known) -> None:
        self._db = db
        self._ours = ours
        self._shown = shown
        self._known = known

    def write_down(self, reply: KeptReply, **values: Any) -> KeptReply:
        """Return the Reply with these values once its row has them; raises OutcomeUnknown past its turn."""
        if not self._db.write(turns.keep, reply, **values):
            raise api_errors.OutcomeUnknown("Somebody else keeps this reply now.")
        return reply.model_copy(update=values)

    def tell(self, reply: KeptReply, task: Task, *, plan: tuple[Step, ...] = (), ahead: int = 0) -> bool:
        """Have the comment say how the Task stands; return whether that is anything new."""
        shown = told(reply, task, now=utcnow(), plan=plan, ahead=ahead, link=self._shown.link(task.id))
        return self.comment(reply, render(shown, word=self._shown.word, redactor=self._known.redactor))

    def comment(self, reply: KeptReply, text: str) -> bool:
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
        self.write_down(reply, comment_id=comment_id, told=digest)
        return True

    def react(self, reply: KeptReply, task: Task) -> None:
        """Put the result in the place of the eyes, where the question is still there."""
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

    def check(self, reply: KeptReply, task: Task) -> None:
        """Put the end on the commit it is about: as an end, so that none is ever left in progress."""
        if reply.head is None or reply.is_fork or reply.check_run_id is not None:
            return
        conclusion, title, _ = _CONCLUSIONS[task.state]
        try:
            client = self._ours.client(reply.trigger.thread.repository, Scope.CHECK)
            check = client.add_check(
                name="Errand",
                sha=_head_now(reply, task) or reply.head.sha,
                link=self._shown.link(task.id),
                external_id=reply.id,
                conclusion=conclusion,
                title=title,
                summary=defused(self._known.clean_text(task.detail), word=self._shown.word) or title,
            )
        except (api_errors.NotPermitted, api_errors.NotThere, api_errors.Unprocessable):
            return  # only Apps may make them, and only those that were given the permission
        self.write_down(reply, check_run_id=check)

    def _found(self, client: Client, reply: KeptReply) -> int | None:
        number, login = reply.trigger.thread.number, self._ours.login
        find = client.find_comment if reply.reply_to is None else client.find_line_comment
        try:
            found = find(number, reply.id, own_login=login, since=reply.created_at - _CLOCKS)
        except api_errors.NotThere:
            return None  # where the thread is gone, the answer can't be posted either
        return None if found is None else found.id

    def _made(self, client: Client, reply: KeptReply, text: str) -> int:
        number = reply.trigger.thread.number
        if reply.reply_to is None:
            return client.create_comment(number, text).id
        return client.answer_line_comment(number, reply.reply_to, text).id


def _head_now(reply: KeptReply, task: Task) -> str | None:
    """Return the commit that the pull request is at because we pushed it there: who looks sees its checks."""
    done = Published.model_validate(reply.result) if reply.result else None
    if done is None or reply.head is None or done.attempt != task.attempt or done.branch != reply.head.ref:
        return None
    return done.tip
