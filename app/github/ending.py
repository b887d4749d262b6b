"""What there is to do for a Reply once its Task has ended: to push, to tell, to react, to add a check run."""

from app.db import bundles
from app.db.engine import Database
from app.domain.reply import KeptReply
from app.domain.task import Task, TaskState
from app.github import api_errors
from app.github.publish import Publish, Published
from app.github.teller import PASSING, Shown, Teller
from app.security.redact import Known


class Ending:
    """Goes through the steps of an end, each of which may have been done by one who died since."""

    def __init__(self, db: Database, teller: Teller, publish: Publish, shown: Shown, known: Known) -> None:
        self._db = db
        self._teller = teller
        self._publish = publish
        self._shown = shown
        self._known = known

    def bring(self, reply: KeptReply, task: Task) -> str | None:
        """Do every step, and return in words what GitHub refused for good; raises what is in PASSING."""
        problems: list[str] = []
        if task.state is TaskState.COMPLETED:
            try:
                reply = self._published(reply, task)
            except PASSING:
                raise
            except api_errors.GitHubError as error:
                problems.append(error.message)
                reply = _unpublished(reply, task, error.message)
        for step in (self._teller.tell, self._teller.react, self._teller.check):
            try:
                step(reply, task)
            except PASSING:
                raise
            except api_errors.GitHubError as error:
                # Locked, deleted, or not allowed: the other steps may be all the same.
                problems.append(error.message)
        return " ".join(problems) or None

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
        except PASSING:
            raise
        except api_errors.GitHubError as error:
            note = f"The branch is pushed, but no pull request could be opened: {error.message}"
            done = done.model_copy(update={"note": note, "done": True})
        return self._noted(reply, done)

    def _noted(self, reply: KeptReply, done: Published) -> KeptReply:
        values = {"result": done.model_dump(), "branch": done.branch, "pull_number": done.pull_number}
        return self._teller.write_down(reply, **values)


def _unpublished(reply: KeptReply, task: Task, problem: str) -> KeptReply:
    """Return the Reply that tells why nothing was pushed; its row does not, so that it can be done again."""
    done = Published(attempt=task.attempt, note=f"The changes could not be pushed: {problem}")
    return reply.model_copy(update={"result": done.model_dump()})
