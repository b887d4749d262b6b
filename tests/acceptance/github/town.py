"""Errand by the Procfile's processes, beside a stand-in for GitHub, and whatever dies on the way."""

import http.client
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psutil

from app.settings import PROJECT_ROOT
from tests.acceptance.procfile.platform import Platform
from tests.fakes.committer import Committer
from tests.fakes.github import git_http
from tests.fakes.github.deliveries import AT, SECRET, encode, headers, user
from tests.fakes.github.server import FakeGitHub
from tests.fakes.github.state import Json, account
from tests.services import RedisServer, free_port
from tests.waiting import wait_until

PROCESSES = ("web", "worker", "control")
COMMIT = "echo Mended > README.md && git commit -qam 'Mend it'"
#: What each write to GitHub, and the fetch, looks like there.
STEPS = {
    "eyes": ("POST", r"/issues/comments/\d+/reactions$"),
    "comment": ("POST", r"/issues/1/comments$"),
    "fetch": ("POST", r"\.git/git-upload-pack$"),
    "push": ("POST", r"\.git/git-receive-pack$"),
    "pull": ("POST", r"/pulls$"),
    "edit": ("PATCH", r"/issues/comments/\d+$"),
}


class Town:
    """A stand-in for GitHub, and Errand beside it."""

    def __init__(self, folder: Path, github: FakeGitHub, path: Path | None, env: Mapping[str, str]) -> None:
        self.folder, self.github = folder, github
        self.hello = github.add_repository("octo/hello", {"README.md": "Hello\n"}, roles={"mona": "write"})
        self.hello.add_issue("It breaks", "Every time.", account("mona", 7))
        self.cli = Committer(folder / "bin")
        (folder / "redis").mkdir()
        self.redis = RedisServer(folder / "redis")
        self.port = free_port()
        self.platform = Platform(folder, {**self._environment(path or self.cli.directory), **env})

    def _environment(self, path: Path) -> dict[str, str]:
        return {
            "PATH": os.pathsep.join([str(path), str(PROJECT_ROOT / ".venv" / "bin"), os.environ["PATH"]]),
            "PORT": str(self.port),
            "REDIS_URL": self.redis.url,
            "DATABASE_URL": f"sqlite:///{self.folder / 'data' / 'errand.db'}",
            "ERRAND_DATA_DIR": str(self.folder / "data"),
            "ERRAND_AGENT_USER": "nobody",
            "ERRAND_LEASE_SECONDS": "3",
            "ERRAND_SHUTDOWN_GRACE": "2",
            "GITHUB_WEBHOOK_SECRET": SECRET,
            "GITHUB_APP_ID": self.github.app_id,
            "GITHUB_APP_PRIVATE_KEY": self.github.app_key,
            "GITHUB_API_URL": self.github.api_url,
            "TMPDIR": str(self.folder),
        }

    def open(self) -> None:
        """Start everything."""
        (self.folder / "data").mkdir()
        self.redis.start()
        assert self.platform.run("release") == 0, self.platform.log("release")
        for name in PROCESSES:
            self.platform.start(name)
        self.await_ready()

    def close(self) -> None:
        """Stop everything."""
        self.platform.close()
        if self.redis.running:
            self.redis.stop()

    def await_ready(self) -> None:
        """Wait until the web is there and the others have said so."""

        def ready() -> bool:
            logs = [self.platform.log(name) for name in PROCESSES[1:]]
            return self._status("GET", "/readyz") == 200 and all("machine_ready" in log for log in logs)

        wait_until(ready, 60, interval=0.2, message="Errand is ready")

    def kill(self, name: str) -> None:
        """SIGKILL, and start it again."""
        if name == "redis":
            self.redis.stop()
            self.redis.start()
            return
        process = self.platform._processes[name]
        for one in [*psutil.Process(process.pid).children(recursive=True)]:
            # Beat ends with control and the CLI with its worker, by themselves.
            if name == "web":
                one.send_signal(signal.SIGKILL)
        process.kill()
        process.wait()
        self.platform.start(name)

    def mention(self, text: str = "@agent mend it") -> int:
        """Comment as mona does, and deliver it; return the answer's status."""
        said = self.hello.add_comment(1, text, account("mona", 7))
        body = encode(self._payload(said))
        return self._status("POST", "/webhooks/github", body, headers("issue_comment", body))

    def _payload(self, said: Json) -> Json:
        issue = {key: self.hello.issues[1][key] for key in ("id", "number", "title", "body", "state")}
        repository = {"id": self.hello.id, "full_name": self.hello.full_name, "default_branch": "main"}
        return {
            "action": "created",
            "repository": repository,
            "sender": user(),
            "issue": {**issue, "user": user(), "created_at": AT, "updated_at": AT},
            "comment": {
                "id": said["id"],
                "body": said["body"],
                "user": user(),
                "created_at": said["created_at"],
                "updated_at": said["updated_at"],
            },
        }

    def _status(self, verb: str, path: str, body: bytes = b"", fields: dict[str, str] | None = None) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(verb, path, body, fields or {})
            return connection.getresponse().status
        except OSError:
            return 0
        finally:
            connection.close()

    @property
    def ours(self) -> list[str]:
        """The texts of our comments."""
        found = self.hello.of_thread(1)
        return [one["body"] for one in found if one["user"]["login"] == self.github.app_login]

    def finished(self) -> bool:
        """Whether the comment and the reactions say that it is over."""
        with self.github.lock:
            reactions = [one["content"] for found in self.hello.reactions.values() for one in found]
            return any("Pushed 1 commit" in text for text in self.ours) and reactions == ["+1"]

    def logs(self) -> str:
        """Everything that was printed."""
        return "\n".join(f"== {name}\n{self.platform.log(name)}" for name in PROCESSES)

    def reach(self, step: str, *, after: bool) -> None:
        """Mention, and return when the step is under way; `after`: GitHub has done it and nobody knows."""
        self.cli.does(COMMIT)
        verb, path = STEPS[step]
        self.github.fail(verb, path, delay=4, drops=True, after=after)
        (fault,) = self.github.faults
        assert self.mention() == 202
        wait_until(lambda: fault.times == 0, 60, message=f"it is at the step {step}")

    def assert_one_of_each(self) -> None:
        """Wait for the end: one finished comment, one branch, one pull request."""
        try:
            wait_until(self.finished, 75, interval=0.2, message="the answer is finished")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.ours}\n{self.logs()[-8000:]}") from error
        assert len(self.ours) == 1
        assert len(self.hello.pulls) == 1
        (pull,) = self.hello.pulls.values()
        branches = git_http.git("branch", "--list", "agent/*", at=self.hello.path).split()
        assert branches == [pull["head"]["ref"]]
        assert git_http.git("show", f"{branches[0]}:README.md", at=self.hello.path) == "Mended\n"


@contextmanager
def running(*, path: Path | None = None, **env: str) -> Iterator[Town]:
    """Everything running, in a directory that the agent's user can pass; `path`: where another CLI is."""
    folder = Path(tempfile.mkdtemp(prefix="errand-town-"))
    folder.chmod(0o755)
    with FakeGitHub(folder / "github") as github:
        made = Town(folder, github, path, env)
        try:
            made.open()
            yield made
            assert github.problems == []
        finally:
            made.close()
            shutil.rmtree(folder, ignore_errors=True)
