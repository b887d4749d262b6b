"""A keeper's desk: rows, the stand-in for GitHub, and Tasks that were asked for there."""

from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select, update

from app.clock import utcnow
from app.db import bundles, replies, runs
from app.db.bundles import Bundle
from app.db.engine import Database
from app.db.github_rows import replies as reply_rows
from app.db.migrate import upgrade
from app.db.runs import Ending
from app.domain.reason import Reason
from app.domain.reply import KeptReply
from app.domain.task import AttemptState, SessionId, Task, TaskState
from app.domain.trigger import Thread
from app.github.access import AppAccess
from app.github.keeper import Keeper
from app.github.mirror import Mirrors, Start
from app.github.ours import Ours
from app.github.publish import Publish
from app.github.teller import Shown
from app.security.redact import Known
from tests.fakes.github import git_http
from tests.fakes.github.asked import ask, trigger_of
from tests.fakes.github.server import FakeGitHub
from tests.fakes.github.state import Repository, account

SECRET = "a-secret-of-some-length"
BRANCH = "agent/issue-1-it-breaks-1f3a9c"


class Desk:
    """A keeper, its rows, and a Task that was asked for in issue 1 (or pull request 2)."""

    def __init__(self, folder: Path, github: FakeGitHub, access: AppAccess, hello: Repository) -> None:
        url = f"sqlite:///{folder / 'errand.db'}"
        if not (folder / "errand.db").exists():
            upgrade(url)
        self.folder, self.github, self.access, self.hello = folder, github, access, hello
        self.db = Database(url)
        self.number = 1
        #: The Sessions whose next Task may begin.
        self.rung: list[SessionId] = []
        self.mirrors = Mirrors(folder / "data", most=50 * 1024**2)

    def keeper(self) -> Keeper:
        """Return one that remembers nothing, as after a crash."""
        ours = Ours(self.access, self.github.git_url)
        publish = Publish(ours, self.mirrors, word="@agent", workflows=False)
        return Keeper(
            self.db,
            ours,
            publish,
            Shown("@agent", "https://errand.test"),
            Known([SECRET]),
            ring_next=self.rung.append,
        )

    def ask(
        self, text: str = "mend it", *, number: int = 1, session_id: SessionId | None = None, **more: Any
    ) -> Task:
        """Keep a Task with its Reply."""
        self.number = number
        said = self.hello.add_comment(number, f"@agent {text}", account("mona", 7))
        thread = Thread(
            repository_id=self.hello.id,
            repository=self.hello.full_name,
            number=number,
            is_pull_request=number == 2,
            title="It breaks",
        )
        trigger = trigger_of(thread, text, comment=said["id"])
        return ask(self.db, trigger, session_id=session_id, **more)

    def run(self, task: Task, *, commit: dict[str, str] | None = None, **ending: Any) -> Task:
        """Run it to its end, with a bundle where it committed something."""
        claim = self.db.write(runs.claim, task.id, machine="m")
        assert claim is not None
        if commit is not None:
            start = Start(BRANCH, git_http.head(self.hello.path, "main") or "", "main")
            data = self._bundle(start, commit)
            self.db.write(bundles.put, task.id, Bundle(claim.attempt, asdict(start), data))
        default = {
            "task_state": TaskState.COMPLETED,
            "attempt_state": AttemptState.SUCCEEDED,
            "result": "Done.",
        }
        return self.db.write(runs.finish, task.id, claim.attempt, Ending(**{**default, **ending}))

    def fail(self, task: Task, detail: str) -> Task:
        """Run it to an end that it does not like."""
        failed: dict[str, Any] = {"task_state": TaskState.FAILED, "attempt_state": AttemptState.FAILED}
        return self.run(task, **failed, reason=Reason.EXIT_CODE, detail=detail)

    def _bundle(self, start: Start, files: dict[str, str]) -> bytes:
        work = self.folder / f"work-{len(list(self.folder.iterdir()))}"
        git_http.git("clone", "-q", str(self.hello.path), str(work), at=self.folder)
        for name, text in files.items():
            (work / name).parent.mkdir(parents=True, exist_ok=True)
            (work / name).write_text(text)
        git_http.git("add", "-A", at=work)
        git_http.git("commit", "-q", "-m", "Mend it", at=work)
        git_http.git("bundle", "create", "-q", "out", "HEAD", f"^{start.sha}", at=work)
        return (work / "out").read_bytes()

    def reply(self) -> KeptReply:
        """Return the newest Reply's row."""

        def read(c: Connection) -> KeptReply:
            newest = select(reply_rows).order_by(reply_rows.c.created_at.desc()).limit(1)
            return replies.kept(c.execute(newest).one())

        return self.db.read(read)

    def look(self) -> None:
        """Let a new keeper do all that is to be done now, whatever it waits for."""

        def at_once(c: Connection) -> None:
            c.execute(update(reply_rows).values(next_at=utcnow() - timedelta(hours=1)))

        self.db.write(at_once)
        keeper = self.keeper()
        for reply_id in keeper.due():
            keeper.keep(reply_id)

    @property
    def ours(self) -> list[str]:
        """The texts of our comments in the thread."""
        return [
            one["body"]
            for one in self.hello.of_thread(self.number)
            if one["user"]["login"] == self.github.app_login
        ]

    def reactions(self) -> list[str]:
        """What we have put to the newest comment that asks."""
        return [one["content"] for found in self.hello.reactions.values() for one in found]
