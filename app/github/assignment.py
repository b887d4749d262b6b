"""The work of a Task from GitHub: what its agent gets to see, and what is taken from it afterwards."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Protocol

import structlog

from app.db import bundles, replies, turns
from app.db.bundles import Bundle
from app.db.engine import Database
from app.domain.git_ref import PREFIX, branch_name
from app.domain.reason import Reason
from app.domain.reply import KeptReply
from app.domain.task import Task
from app.github import api_errors
from app.github.access import Scope
from app.github.changes import BUNDLE
from app.github.client import Client
from app.github.errors import NoAccess
from app.github.git import FAR, NEAR, GitAway, GitFailed, failure, safe_environment
from app.github.mirror import Mirrors, Remote, Start
from app.github.ours import Ours
from app.github.payload import PullRequest, Repository
from app.github.prompt import render_prompt
from app.github.thread import context_of
from app.process import Completed, StartFailed
from app.security.redact import Known

log = structlog.get_logger()

#: Whom an agent's own commits name; they are signed anew before they are pushed.
_AUTHOR = ("Errand", "errand@users.noreply.github.com")
_WORK = """\
The repository is checked out in the working directory, on the branch {branch}. If something is to be changed,
change it there and commit it with git on that branch; you cannot push, and need not: when you are done your
commits are looked through and pushed{then}. What is not committed stays behind. {never} are not
pushed. If ~/previous-workspace is there, it is what the task before this one in the same thread left."""
#: What is never pushed, by whether workflows may be.
_NEVER = {
    False: "Changes of .github/workflows, secrets and rewritten history",
    True: "Secrets and rewritten history",
}
#: For whatever the agent does with git, by its home: nothing in a repository names a program.
_HOME = {"core.fsmonitor": "false", "core.hooksPath": "/dev/null", "safe.bareRepository": "explicit"}


class Inside(Protocol):
    """Runs a short command where the agent's CLI runs."""

    def __call__(
        self, argv: Sequence[str], *, env: Mapping[str, str], timeout: float, max_bytes: int
    ) -> Completed:
        """Return how it went; raises StartFailed."""


class Assignments:
    """Gives a Task from GitHub its Assignment; for several threads."""

    def __init__(
        self, db: Database, ours: Ours, mirrors: Mirrors, known: Known, *, workflows: bool = False
    ) -> None:
        self._db = db
        self._ours = ours
        self._mirrors = mirrors
        self._known = known
        self._never = _NEVER[workflows]

    def __call__(self, task: Task, begun: str | None) -> "Assigned | None":
        """Return what the Task brings along; None where it is not from GitHub.

        Raises GitAway (`github_away`) where another try may help, else GitFailed.
        """
        reply = self._db.read(replies.of_task, task.id)
        if reply is None:
            return None
        try:
            return self._assigned(task, reply, begun)
        except (api_errors.Unreachable, api_errors.OutcomeUnknown, api_errors.RateLimited) as error:
            away = GitAway(error.message)
            away.retry_after = error.retry_after
            raise away from error
        except (api_errors.GitHubError, NoAccess) as error:
            raise GitFailed(error.message, reason=Reason.GITHUB_REFUSED) from error

    def _assigned(self, task: Task, reply: KeptReply, begun: str | None) -> "Assigned":
        self._ours.learn(reply)
        thread = reply.trigger.thread
        client = self._ours.client(thread.repository, Scope.READ)
        repository = client.repository()
        if repository.full_name != thread.repository:
            # What is asked of an old name is sent on without its parameters.
            client = self._ours.client(repository.full_name, Scope.READ)
        remote = self._ours.remote(repository, Scope.READ)
        self._known.learn([remote.token])
        start = Start(**json.loads(begun)) if begun else self._start(task, reply, client, repository, remote)
        then = "" if start.pull_number else ", and a pull request is opened for them"
        message = render_prompt(
            reply.trigger,
            context_of(self._db, client, reply),
            self._known.redactor,
            work=_WORK.format(branch=start.branch, then=then, never=self._never),
        )
        return Assigned(self._db, self._mirrors, task=task, remote=remote, start=start, message=message)

    def _start(
        self, task: Task, reply: KeptReply, client: Client, repository: Repository, remote: Remote
    ) -> Start:
        thread = reply.trigger.thread
        pull = client.pull(thread.number) if thread.is_pull_request else None
        if pull is not None and pull.state == "open":
            return self._head(reply, pull)
        # Nothing more goes to a pull request that is over.
        return self._going_on(reply, client) or self._anew(task, reply, repository, remote, over=pull)

    def _head(self, reply: KeptReply, pull: PullRequest) -> Start:
        """Return the commit that was asked about, or what we have pushed on top of it since."""
        head = reply.head
        ref, sha = (head.ref, head.sha) if head else (pull.head.ref, pull.head.sha)
        if self._db.read(turns.was_pushed, reply, pull.head.sha):
            sha = pull.head.sha
        return Start(ref, sha, pull.base.ref, pull.number)

    def _going_on(self, reply: KeptReply, client: Client) -> Start | None:
        """Return the branch of an earlier answer in this thread whose pull request is still open."""
        earlier = self._db.read(turns.last_pull, reply)
        if earlier is None or earlier.pull_number is None:
            return None
        try:
            pull = client.pull(earlier.pull_number)
        except api_errors.NotThere:
            return None
        if pull.state != "open" or pull.head.ref != earlier.branch:
            return None
        return Start(pull.head.ref, pull.head.sha, pull.base.ref, pull.number)

    def _anew(
        self,
        task: Task,
        reply: KeptReply,
        repository: Repository,
        remote: Remote,
        *,
        over: PullRequest | None,
    ) -> Start:
        """Return a branch of our own: on top of what is there, or of what a closed pull request left."""
        thread = reply.trigger.thread
        base = repository.default_branch or "main"
        sha = self._mirrors.tip(remote, base)
        if over is not None and (tip := self._mirrors.tip(remote, over.base.ref)):
            base, sha = over.base.ref, tip if over.merged else over.head.sha
        if sha is None:
            raise GitFailed(f"{thread.repository} has no commit on {base}")
        return Start(branch_name(PREFIX, thread.number, thread.title, task.id), sha, base)


class Assigned:
    """One Attempt's; see app.runner.outside."""

    def __init__(
        self, db: Database, mirrors: Mirrors, *, task: Task, remote: Remote, start: Start, message: str
    ) -> None:
        self._db = db
        self._mirrors = mirrors
        self._task = task
        self._remote = remote
        self._start = start
        #: What the CLI is told.
        self.message = message

    @property
    def beginning(self) -> str:
        """Where it began: what comes back is compared with that."""
        return json.dumps(asdict(self._start))

    def furnish(self, directory: Path) -> None:
        """Make `directory` a repository with the commit, not checked out; raises GitFailed and GitAway."""
        with self._mirrors.open(self._remote) as mirror:
            mirror.fetch(self._start)
            mirror.furnish(directory, self._start, author=_AUTHOR)

    def check_out(self, inside: Inside) -> None:
        """Write the files, as the one who may do nothing else; raises GitFailed."""
        done = self._git(inside, "checkout", "--quiet", "--force", self._start.branch, "--", timeout=FAR)
        if not done.ok:
            raise GitFailed(failure("checkout", done).detail)
        for key, value in _HOME.items():
            self._git(inside, "config", "--global", key, value, at_home=True)

    def take(self, inside: Inside) -> None:
        """Keep what was committed as a bundle in a row; raises LeaseLost and Unavailable."""
        try:
            data, note = self._taken(inside)
        except (StartFailed, GitFailed) as error:
            log.warning("work_not_taken", error=error.message)
            data, note = b"", f"What the agent committed could not be read: {error.message}"
        bundle = Bundle(self._task.attempt, asdict(self._start), data, note)
        self._db.write(bundles.put, self._task.id, bundle)

    def _taken(self, inside: Inside) -> tuple[bytes, str]:
        left = self._git(inside, "status", "--porcelain", "--untracked-files=normal")
        count = len(left.stdout.splitlines())
        note = f"{count} changed files were not committed and are not pushed." if count else ""
        now = self._git(inside, "rev-parse", "--verify", "HEAD^{commit}")
        if not now.ok:
            raise failure("rev-parse", now)
        if now.stdout.strip().decode("ascii", "replace") == self._start.sha:
            return b"", note
        asked = ("bundle", "create", "--quiet", "-", "HEAD", f"^{self._start.sha}")
        done = self._git(inside, *asked, timeout=FAR, max_bytes=BUNDLE)
        if done.truncated:
            return (
                b"",
                f"The commits have more than {BUNDLE // 1024**2} MB and were not pushed. {note}".strip(),
            )
        if not done.ok:
            raise failure("bundle", done)
        return done.stdout, note

    def _git(
        self,
        inside: Inside,
        *arguments: str,
        at_home: bool = False,
        timeout: float = NEAR,
        max_bytes: int = 1024**2,
    ) -> Completed:
        environment = safe_environment()
        if at_home:
            environment.pop("GIT_CONFIG_GLOBAL")
        return inside(["git", *arguments], env=environment, timeout=timeout, max_bytes=max_bytes)
