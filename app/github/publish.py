"""From a bundle to a branch and a pull request: each step can be done again, and does nothing then."""

from typing import Any

from pydantic import NonNegativeInt

from app.db.bundles import Bundle
from app.domain.model import Model
from app.domain.reply import KeptReply
from app.domain.task import Task
from app.domain.trigger import Account
from app.github import api_errors, changes
from app.github.access import Scope
from app.github.changes import Refused, Rules
from app.github.git import GitAway, GitFailed, signed
from app.github.mirror import Mirrors, Start, base_of
from app.github.ours import Ours
from app.github.pull_text import co_author, pull_body, pull_title
from app.security.redact import Redactor


class Published(Model):
    """What became of an Attempt's commits; the result that a Reply's row keeps."""

    attempt: NonNegativeInt
    branch: str | None = None
    commits: NonNegativeInt = 0
    pull_number: NonNegativeInt | None = None
    is_new: bool = False
    #: Why nothing was pushed, or what a person should know.
    note: str = ""
    #: Nothing more is to be done.
    done: bool = False


class Publish:
    """Pushes as the control plane, with a token that no agent ever was near."""

    def __init__(self, ours: Ours, mirrors: Mirrors, *, word: str, workflows: bool) -> None:
        self._ours = ours
        self._mirrors = mirrors
        self._word = word
        self._workflows = workflows

    def push(self, reply: KeptReply, bundle: Bundle, redactor: Redactor) -> Published:
        """Push the commits, if there are any that may be pushed; raises GitHubError and GitAway."""
        nothing = Published(attempt=bundle.attempt, note=bundle.note, done=True)
        if not bundle.data:
            return nothing
        start = Start(**bundle.start)
        if reply.is_fork:
            why = "The changes were not pushed: the pull request comes from another repository."
            return nothing.model_copy(update={"note": why})
        try:
            pushed = self._pushed(reply, start, bundle.data, redactor)
        except Refused as refusal:
            return nothing.model_copy(update={"note": f"The changes were not pushed. {refusal}"})
        except GitAway:
            raise
        except GitFailed as error:
            said = redactor.clean_text(error.detail)
            return nothing.model_copy(update={"note": f"The changes could not be pushed: {said}."})
        if not pushed.commits:
            return nothing
        found = {"branch": start.branch, "commits": pushed.commits, "pull_number": start.pull_number}
        return nothing.model_copy(update={**found, "done": start.pull_number is not None})

    def open_pull(
        self,
        reply: KeptReply,
        published: Published,
        task: Task,
        *,
        base: str,
        link: str | None,
        redactor: Redactor,
    ) -> Published:
        """Open the draft pull request of what was pushed, or find it; raises GitHubError."""
        thread = reply.trigger.thread
        client = self._ours.client(thread.repository, Scope.PUSH)
        branch = published.branch or ""
        number = client.find_pull(branch, owner=thread.repository.partition("/")[0])
        if number is None:
            title = pull_title(thread.title, word=self._word, redactor=redactor)
            body = pull_body(
                reply_id=reply.id,
                issue=None if thread.is_pull_request else thread.number,
                requester=reply.requester or "a failed check",
                summary=task.result or "",
                link=link,
                word=self._word,
                redactor=redactor,
            )
            asked: dict[str, Any] = {"branch": branch, "base": base, "title": title, "body": body}
            try:
                number = client.open_pull(**asked)
            except api_errors.Unprocessable:
                # Not every plan of GitHub's has drafts.
                number = client.open_pull(**asked, draft=False)
        return published.model_copy(update={"pull_number": number, "is_new": True, "done": True})

    def _pushed(self, reply: KeptReply, start: Start, data: bytes, redactor: Redactor) -> changes.Signed:
        thread = reply.trigger.thread
        client = self._ours.client(thread.repository, Scope.PUSH)
        repository = client.repository()
        if start.branch == repository.default_branch:
            raise Refused("They are for the default branch, which only people push to.")
        remote = self._ours.remote(repository, Scope.PUSH)
        with self._mirrors.open(remote) as mirror:
            mirror.fetch(start)
            tip = changes.take_over(mirror.git, data)
            known = mirror.git.text("rev-parse", base_of(start))
            signed_ = changes.sign(
                mirror.git, start=start.sha, known=known, tip=tip, rules=self._rules(reply, redactor)
            )
            now = client.branch(start.branch)
            if signed_.commits and now != signed_.tip:
                try:
                    changes.push(
                        mirror.git,
                        remote.url,
                        signed_.tip,
                        start.branch,
                        expect=now,
                        ours=start.pull_number is None,
                        protocols=remote.protocols,
                        settings=signed(remote.token),
                    )
                except Refused:
                    # Git sends again what a lost connection swallowed, and is refused for its own first push.
                    if client.branch(start.branch) != signed_.tip:
                        raise
        return signed_

    def _rules(self, reply: KeptReply, redactor: Redactor) -> Rules:
        asked = None
        if reply.requester and reply.requester_id is not None:
            asked = co_author(Account(id=reply.requester_id, login=reply.requester))
        return Rules(redactor, self._ours.author, asked, workflows=self._workflows)
