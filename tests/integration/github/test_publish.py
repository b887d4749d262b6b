"""What an agent committed becomes a branch and a pull request, with a stand-in for GitHub and real git."""

from pathlib import Path

import pytest

from app.db import bundles, tasks, turns
from app.domain.reply import KeptState
from app.github.access import AppAccess
from tests.fakes.github import git_http
from tests.fakes.github.server import FakeGitHub
from tests.fakes.github.state import Repository
from tests.integration.github.desk import BRANCH, Desk


@pytest.fixture
def desk(tmp_path: Path, github: FakeGitHub, access: AppAccess, hello: Repository) -> Desk:
    """A desk with nothing on it."""
    return Desk(tmp_path, github, access, hello)


def test_changes_become_a_branch_and_a_draft_pull_request(desk: Desk) -> None:
    """Which the comment names."""
    task = desk.ask()
    desk.run(task, commit={"README.md": "Mended\n"})

    desk.look()

    (number,) = [one for one in desk.hello.pulls if one > 2]
    pull = desk.hello.pulls[number]
    assert pull["draft"] is True
    assert pull["head"]["ref"] == BRANCH
    assert "Fixes #1" in pull["body"]
    assert f"Pushed 1 commit to `{BRANCH}`; opened #{number}." in desk.ours[0]
    assert git_http.git("show", f"{BRANCH}:README.md", at=desk.hello.path) == "Mended\n"
    assert desk.reply().pull_number == number


def test_refused_changes_are_explained_in_the_answer(desk: Desk) -> None:
    """The answer stays one."""
    task = desk.ask()
    desk.run(task, commit={".github/workflows/ci.yml": "on: push\n"})

    desk.look()

    assert "The changes were not pushed. They change" in desk.ours[0]
    assert "Done." in desk.ours[0]
    assert git_http.head(desk.hello.path, BRANCH) is None


def test_without_permission_to_push_the_answer_says_so(desk: Desk) -> None:
    """It is finished all the same; and what was committed is pushed once it may be and is sent again."""
    task = desk.ask()
    desk.look()
    desk.run(task, commit={"README.md": "Mended\n"})
    desk.github.permissions["contents"] = "read"
    desk.look()

    reply = desk.reply()
    assert reply.state is KeptState.FINISHED
    assert "not granted" in (reply.problem or "")
    assert "Done." in desk.ours[0]
    assert "could not be pushed" in desk.ours[0]
    assert desk.reactions() == ["+1"]

    desk.github.permissions["contents"] = "write"
    desk.db.write(turns.send_again, task.id)
    desk.look()

    assert desk.reply().problem is None
    assert len(desk.ours) == 1
    assert "Pushed 1 commit" in desk.ours[0]
    assert desk.db.read(bundles.of_task, task.id, 1) is None


def test_push_that_git_could_not_do_is_done_when_it_is_sent_again(desk: Desk) -> None:
    """A token without the right, a network that breaks: nothing of what was committed is thrown away."""
    desk.github.fail("POST", r"\.git/git-receive-pack$", status=403)
    task = desk.ask()
    desk.run(task, commit={"README.md": "Mended\n"})
    desk.look()

    reply = desk.reply()
    assert (reply.state, "403" in (reply.problem or "")) == (KeptState.FINISHED, True)
    assert "could not be pushed" in desk.ours[0]
    assert desk.rung == [task.session_id]

    desk.db.write(turns.send_again, task.id)
    desk.look()

    assert desk.reply().problem is None
    assert "Pushed 1 commit" in desk.ours[0]


def test_repository_that_has_another_name_by_now(desk: Desk) -> None:
    """GitHub sends on who reads, not who writes: all of it is done under the new name."""
    task = desk.ask()
    desk.look()
    desk.run(task, commit={"README.md": "Mended\n"})
    desk.github.rename(desk.hello, "octo/world")

    desk.look()

    assert (desk.reply().state, desk.reply().problem) == (KeptState.FINISHED, None)
    assert desk.reply().trigger.thread.repository == "octo/world"
    assert "Pushed 1 commit" in desk.ours[0]
    assert desk.reactions() == ["+1"]
    assert [call.path for call in desk.github.asked("POST", "/pulls$")] == ["/repos/octo/world/pulls"]


def test_base_that_has_another_name_by_now(desk: Desk) -> None:
    """The pull request is for the default branch then."""
    task = desk.ask()
    desk.run(task, commit={"README.md": "Mended\n"})
    git_http.git("branch", "-m", "main", "trunk", at=desk.hello.path)
    desk.hello.default_branch = "trunk"

    desk.look()

    (number,) = [one for one in desk.hello.pulls if one > 2]
    assert desk.hello.pulls[number]["base"]["ref"] == "trunk"
    assert desk.reply().problem is None


def test_retry_replaces_what_it_pushed_and_nobody_elses(desk: Desk) -> None:
    """The branch is its own while it is as it was left; what somebody has put on top stays."""
    task = desk.ask()
    desk.run(task, commit={"README.md": "Mended\n"})
    desk.look()
    desk.db.write(tasks.retry, task.id)
    desk.run(desk.db.read(tasks.get, task.id), commit={"README.md": "Better\n"})
    desk.look()
    assert git_http.git("show", f"{BRANCH}:README.md", at=desk.hello.path) == "Better\n"

    theirs = desk.hello.change(BRANCH, {"theirs": "x\n"})
    desk.db.write(tasks.retry, task.id)
    desk.run(desk.db.read(tasks.get, task.id), commit={"README.md": "Best\n"})
    desk.look()

    assert git_http.head(desk.hello.path, BRANCH) == theirs
    assert "changed by somebody else meanwhile" in desk.ours[0]
    assert desk.reply().state is KeptState.FINISHED


def test_push_that_git_sends_twice(desk: Desk) -> None:
    """The connection is lost after GitHub took it: git is refused for its own push, which is there."""
    desk.github.fail("POST", r"\.git/git-receive-pack$", after=True, drops=True)
    task = desk.ask()
    desk.run(task, commit={"README.md": "Mended\n"})
    desk.look()
    desk.look()

    assert desk.github.faults[0].times == 0
    assert desk.reply().state is KeptState.FINISHED
    assert "Pushed 1 commit" in desk.ours[0]
    branches = git_http.git("branch", "--list", "agent/*", at=desk.hello.path).split()
    assert branches == [BRANCH]


def test_whatever_breaks_is_said_and_tried_again(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk, a mistake of ours: the row says that something is wrong, and the comment comes."""

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    task = desk.ask()
    desk.run(task, commit={"README.md": "Mended\n"})
    with monkeypatch.context() as broken:
        broken.setattr("app.github.changes.take_over", full)
        desk.look()
    assert (desk.reply().state, desk.reply().tries) == (KeptState.OPEN, 1)
    assert "Something broke in control" in (desk.reply().problem or "")

    desk.look()

    assert desk.reply().problem is None
    assert "Pushed 1 commit" in desk.ours[0]
