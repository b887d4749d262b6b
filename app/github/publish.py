"""From a bundle to a branch and a pull request: each step can be done again, and does nothing then."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from pydantic import NonNegativeInt

from app.db.bundles import Bundle
from app.domain.git_ref import PREFIX, branch_name
from app.domain.model import Model
from app.domain.reply import KeptReply
from app.domain.task import Task
from app.domain.trigger import Account
from app.github import api_errors, changes
from app.github.access import Scope
from app.github.changes import Refused, Rules
from app.github.client import Client
from app.github.git import GitAway, GitFailed, signed
from app.github.mirror import Mirror, Mirrors, Start, base_of
from app.github.ours import Ours
from app.github.pull_text import co_author, pull_body, pull_title
from app.security.redact import Redactor

#: Returns the commit that a branch is at on GitHub.
TipOf = Callable[[str], str | None]


class Published(Model):
    """What became of an Attempt's commits; the result that a Reply's row keeps."""

    attempt: NonNegativeInt
    branch: str | None = None
    #: What was pushed there: whoever finds something else there finds somebody else's.
    tip: str | None = None
    #: The branch that the changes are for.
    base: str = ""
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
        if reply.is_fork:
            why = "The changes were not pushed: the pull request comes from another repository."
            return nothing.model_copy(update={"note": why})
        try:
            start, pushed = self._pushed(reply, Start(**bundle.start), bundle.data, redactor)
        except Refused as refusal:
            why = redactor.clean_text(f"The changes were not pushed. {refusal}")
            return nothing.model_copy(update={"note": why})
        except GitAway:
            raise
        except GitFailed as error:
            # The bundle is kept, and can be sent again when that is mended.
            raise api_errors.GitHubError(redactor.clean_text(error.detail)) from None
        if not pushed.commits:
            return nothing
        over = bundle.start.get("pull_number")
        if over is not None and start.pull_number is None:
            said = f"#{over} is over, so the changes have a branch and a pull request of their own."
            nothing = nothing.model_copy(update={"note": f"{said} {bundle.note}".strip()})
        found = {"branch": start.branch, "tip": pushed.tip, "base": start.base, "commits": pushed.commits}
        is_in_pull = start.pull_number is not None
        return nothing.model_copy(update={**found, "pull_number": start.pull_number, "done": is_in_pull})

    def open_pull(
        self,
        reply: KeptReply,
        published: Published,
        task: Task,
        *,
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
            asked: dict[str, Any] = {"branch": branch, "base": published.base, "title": title, "body": body}
            try:
                number = client.open_pull(**asked)
            except api_errors.Unprocessable:
                # Not every plan of GitHub's has drafts.
                number = client.open_pull(**asked, draft=False)
        return published.model_copy(update={"pull_number": number, "is_new": True, "done": True})

    def _pushed(
        self, reply: KeptReply, begun: Start, data: bytes, redactor: Redactor
    ) -> tuple[Start, changes.Signed]:
        """Push, and return where to and what."""
        client = self._ours.client(reply.trigger.thread.repository, Scope.PUSH)
        repository = client.repository()
        remote = self._ours.remote(repository, Scope.PUSH)
        tip_of = partial(self._mirrors.tip, remote)
        start = _placed(reply, begun, client, tip_of, default=repository.default_branch or "main")
        if start.branch == repository.default_branch:
            raise Refused("They are for the default branch, which only people push to.")
        with self._mirrors.open(remote) as mirror:
            mirror.fetch(start)
            tip = changes.take_over(mirror.git, data)
            known = mirror.git.text("rev-parse", base_of(start))
            signed_ = changes.sign(
                mirror.git, start=start.sha, known=known, tip=tip, rules=self._rules(reply, redactor)
            )
            if signed_.commits:
                _send(mirror, start, signed_.tip, tip_of, left=_last_tip(reply, start.branch))
        return start, signed_

    def _rules(self, reply: KeptReply, redactor: Redactor) -> Rules:
        asked = None
        if reply.requester and reply.requester_id is not None:
            asked = co_author(Account(id=reply.requester_id, login=reply.requester))
        return Rules(redactor, self._ours.author, asked, workflows=self._workflows)


def _send(mirror: Mirror, start: Start, tip: str, tip_of: TipOf, *, left: str | None) -> None:
    """Push, unless it is there; a branch of our own is replaced where it is as an earlier try `left` it."""
    now = tip_of(start.branch)
    if now == tip:
        return
    is_ours = start.pull_number is None
    if is_ours and now not in (None, left):
        raise changes.moved_on(start.branch)
    remote = mirror.remote
    how = {"protocols": remote.protocols, "settings": signed(remote.token)}
    try:
        changes.push(mirror.git, remote.url, tip, start.branch, expect=now, ours=is_ours, **how)
    except Refused:
        # Git sends again what a lost connection swallowed, and is refused for its own first push.
        if tip_of(start.branch) != tip:
            raise


def _placed(reply: KeptReply, start: Start, client: Client, tip_of: TipOf, *, default: str) -> Start:
    """Return where the changes go now: while an agent works, pull requests end and branches are renamed."""
    if start.pull_number is not None:
        pull = client.pull(start.pull_number)
        if pull.state == "open" and pull.head.ref == start.branch:
            return replace(start, base=pull.base.ref)
        thread = reply.trigger.thread
        branch = branch_name(PREFIX, thread.number, thread.title, reply.task_id or reply.id)
        start = replace(start, branch=branch, pull_number=None)
    return start if tip_of(start.base) else replace(start, base=default)


def _last_tip(reply: KeptReply, branch: str) -> str | None:
    """Return what an earlier Attempt of the same Task has pushed to the branch."""
    last = Published.model_validate(reply.result) if reply.result else None
    return last.tip if last is not None and last.branch == branch else None
