"""From a signed comment to the finished answer, by the Procfile's processes, killed on the way."""

import http.client
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

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


class Town:
    """A stand-in for GitHub, and Errand beside it."""

    def __init__(self, folder: Path, github: FakeGitHub) -> None:
        self.folder, self.github = folder, github
        self.hello = github.add_repository("octo/hello", {"README.md": "Hello\n"}, roles={"mona": "write"})
        self.hello.add_issue("It breaks", "Every time.", account("mona", 7))
        self.cli = Committer(folder / "bin")
        (folder / "redis").mkdir()
        self.redis = RedisServer(folder / "redis")
        self.port = free_port()
        self.platform = Platform(folder, self._environment())

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": os.pathsep.join(
                [str(self.cli.directory), str(PROJECT_ROOT / ".venv" / "bin"), os.environ["PATH"]]
            ),
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
            "GITHUB_SERVER_URL": self.github.git_url,
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


@pytest.fixture
def town() -> Iterator[Town]:
    """Everything running, in a directory that the agent's user can pass."""
    folder = Path(tempfile.mkdtemp(prefix="errand-town-"))
    folder.chmod(0o755)
    with FakeGitHub(folder / "github") as github:
        made = Town(folder, github)
        try:
            made.open()
            yield made
            assert github.problems == []
        finally:
            made.close()
            shutil.rmtree(folder, ignore_errors=True)


def _assert_one_of_each(town: Town) -> None:
    try:
        wait_until(town.finished, 75, interval=0.2, message="the answer is finished")
    except AssertionError as error:
        raise AssertionError(f"{error}\n{town.ours}\n{town.logs()[-8000:]}") from error
    assert len(town.ours) == 1
    assert len(town.hello.pulls) == 1
    (pull,) = town.hello.pulls.values()
    branches = git_http.git("branch", "--list", "agent/*", at=town.hello.path).split()
    assert branches == [pull["head"]["ref"]]
    assert git_http.git("show", f"{branches[0]}:README.md", at=town.hello.path) == "Mended\n"


def test_from_the_signed_comment_to_the_finished_answer(town: Town) -> None:
    """GH-01, RUN-09: and no token, key or secret is in a file, an argument or a log."""
    town.cli.does(COMMIT)
    seen: set[str] = set()

    def watched() -> bool:
        for process in psutil.process_iter(["cmdline"]):
            seen.update(process.info["cmdline"] or [])
        return town.finished()

    assert town.mention() == 202
    wait_until(watched, 60, interval=0.02, message="the answer is finished")
    _assert_one_of_each(town)

    secrets = [*town.github.tokens, *town.github.app_key.splitlines()[1:-1], SECRET]
    paths = [path for path in town.folder.rglob("*") if path.is_file() and not path.is_symlink()]
    said = [path for path in paths if "github" not in path.relative_to(town.folder).parts]
    texts = {str(path): path.read_bytes().decode("latin-1") for path in said}
    texts |= {"arguments": "\n".join(seen), "comments": "\n".join(town.ours)}
    found = {name for name, text in texts.items() if any(secret in text for secret in secrets)}
    assert found == set()


#: Each write, and whether GitHub has done it when everything is killed: where that is the worse of the two.
#: The keeper's own tests have both of each.
STEPS = {
    "eyes": ("POST", r"/issues/comments/\d+/reactions$", False),
    "comment": ("POST", r"/issues/1/comments$", True),
    "fetch": ("POST", r"\.git/git-upload-pack$", False),
    "push": ("POST", r"\.git/git-receive-pack$", True),
    "pull": ("POST", r"/pulls$", True),
    "edit": ("PATCH", r"/issues/comments/\d+$", False),
}


@pytest.mark.timeout(180)
@pytest.mark.parametrize("step", STEPS)
def test_killed_at_a_step_there_is_one_of_each(town: Town, step: str) -> None:
    """GH-07: every process and Redis, before GitHub did it or when it has and nobody knows."""
    town.cli.does(COMMIT)
    verb, path, after = STEPS[step]
    town.github.fail(verb, path, delay=4, drops=True, after=after)
    (fault,) = town.github.faults

    assert town.mention() == 202
    wait_until(lambda: fault.times == 0, 60, message=f"it is at the step {step}")
    for name in ("control", "worker", "redis", "web"):
        town.kill(name)

    _assert_one_of_each(town)


@pytest.mark.timeout(180)
def test_worker_that_is_killed_while_its_agent_works(town: Town) -> None:
    """The next attempt goes on, and there is one answer."""
    town.cli.does(f"if [ -e ../home/second ]; then {COMMIT}; else touch ../home/second; sleep 60; fi")
    assert town.mention() == 202
    sessions = town.folder / "data" / "sessions"
    wait_until(lambda: list(sessions.glob("*/*/second")), 60, message="the agent works")

    town.kill("worker")

    _assert_one_of_each(town)
