"""The one comment of each Task, kept by the control plane against real rows and the stand-in for GitHub."""

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from app.clock import utcnow
from app.db import replies, runs, tasks, turns
from app.db.github_rows import replies as reply_rows
from app.domain.reason import Reason, sentence
from app.domain.reply import KeptState, ReplyKind
from app.domain.task import AttemptState, TaskState
from app.domain.trigger import Head
from app.errors import Conflict
from app.github.access import AppAccess
from app.github.keeper import MOST_TRIES
from app.github.notices import paused_text
from tests.fakes.github import git_http
from tests.fakes.github.server import FakeGitHub
from tests.fakes.github.state import Repository, account
from tests.integration.github.desk import BRANCH, SECRET, Desk


@pytest.fixture
def desk(tmp_path: Path, github: FakeGitHub, access: AppAccess, hello: Repository) -> Desk:
    """A desk with nothing on it."""
    return Desk(tmp_path, github, access, hello)


def test_one_comment_from_the_queue_to_the_answer(desk: Desk) -> None:
    """GH-01: with the mark, the link and the result, and without the word that addresses us."""
    task = desk.ask()
    desk.look()
    assert len(desk.ours) == 1
    assert "Queued" in desk.ours[0]

    desk.run(task, result=f"It was the wall. {SECRET}")
    desk.look()

    reply = desk.reply()
    assert reply.state is KeptState.FINISHED
    assert len(desk.ours) == 1
    assert desk.ours[0].startswith(f"<!-- errand:{reply.id} -->")
    assert "It was the wall. ***" in desk.ours[0]
    assert f"https://errand.test/tasks/{task.id}" in desk.ours[0]
    assert "@agent" not in desk.ours[0]
    assert desk.reactions() == ["+1"]
    assert desk.keeper().due() == []


def test_what_waits_in_the_queue_is_looked_at_rarely(desk: Desk) -> None:
    """Hundreds of them would otherwise keep the database busy; one that begins is told of at once."""
    task = desk.ask()
    desk.look()

    def due(seconds_ago: float) -> bool:
        at = utcnow() - timedelta(seconds=seconds_ago)
        desk.db.write(lambda c: c.execute(update(reply_rows).values(next_at=at)))
        return desk.keeper().due() != []

    assert (due(5), due(31)) == (False, True)
    desk.db.write(runs.claim, task.id, machine="m")
    assert due(0)


@pytest.mark.parametrize(
    ("state", "attempt", "reason"),
    [
        (TaskState.FAILED, AttemptState.FAILED, Reason.EXIT_CODE),
        (TaskState.FAILED, AttemptState.TIMED_OUT, Reason.TIMEOUT),
        (TaskState.FAILED, AttemptState.LOST, Reason.WORKER_LOST),
        (TaskState.FAILED, AttemptState.FAILED, Reason.SANDBOX_UNAVAILABLE),
        (TaskState.CANCELLED, AttemptState.CANCELLED, Reason.CANCELLED),
    ],
)
def test_comment_is_finished_whatever_died(
    desk: Desk, state: TaskState, attempt: AttemptState, reason: Reason
) -> None:
    """And says what went wrong and what to do."""
    task = desk.ask(head=None)
    desk.look()
    detail = sentence(reason, cli="claude", detail="3")

    desk.run(task, task_state=state, attempt_state=attempt, reason=reason, detail=detail, result=None)
    desk.look()

    assert desk.reply().state is KeptState.FINISHED
    assert len(desk.ours) == 1
    assert detail in desk.ours[0].replace("\u200b", "").replace("\u2060", "")
    assert desk.reactions() == ["confused"]


def test_task_that_is_cancelled_before_it_ran(desk: Desk) -> None:
    """There is a comment, and it ends."""
    task = desk.ask()
    desk.db.write(tasks.cancel, task.id)

    desk.look()

    assert [text.splitlines()[1] for text in desk.ours] == ["**Stopped.** Nothing was pushed."]


def test_retry_takes_back_what_said_that_it_failed(desk: Desk, hello: Repository) -> None:
    """The reaction goes, and the newest check run on the commit is the one that tells how it is."""
    sha = git_http.head(hello.path, "topic") or ""
    task = desk.ask(number=2, head=Head(ref="topic", sha=sha, repository_id=hello.id))
    desk.fail(task, "Bad, says @octo/security.")
    desk.look()
    assert desk.reactions() == ["confused"]
    assert [check["output"]["summary"] for check in hello.checks.values()] == [
        "Bad, says @&#8203;octo/security."
    ]

    desk.db.write(tasks.retry, task.id)
    desk.run(desk.db.read(tasks.get, task.id))
    desk.look()

    assert desk.reactions() == ["+1"]
    assert [check["conclusion"] for check in hello.checks.values()] == ["failure", "success"]


def test_question_that_was_deleted_is_answered_all_the_same(desk: Desk) -> None:
    """There is nothing to react to, and nothing wrong with that."""
    desk.github.fail("POST", r"/issues/comments/\d+/reactions$", status=404)
    task = desk.ask()
    desk.run(task)

    desk.look()

    assert (desk.reply().state, desk.reply().problem) == (KeptState.FINISHED, None)
    assert "Done." in desk.ours[0]


def test_nobody_tries_for_ever(desk: Desk) -> None:
    """After three days of trying it is over, however old the question was when that began."""
    task = desk.ask()
    desk.run(task)
    desk.db.write(
        lambda c: c.execute(update(reply_rows).values(created_at=utcnow() - timedelta(days=9), tries=1))
    )
    desk.github.fail("GET", "/comments", status=502, times=2)
    desk.look()
    assert desk.reply().state is KeptState.OPEN

    desk.db.write(lambda c: c.execute(update(reply_rows).values(tries=MOST_TRIES)))
    desk.look()

    assert desk.reply().state is KeptState.FINISHED
    assert "502" in (desk.reply().problem or "")


def test_app_without_checks_answers_all_the_same(desk: Desk, hello: Repository) -> None:
    """The check run is the one thing that there is not."""
    del desk.github.permissions["checks"]
    sha = git_http.head(hello.path, "topic") or ""
    task = desk.ask(number=2, head=Head(ref="topic", sha=sha, repository_id=hello.id))
    desk.run(task)
    desk.look()

    assert (desk.reply().state, desk.reply().problem) == (KeptState.FINISHED, None)
    assert "Done." in desk.ours[0]
    assert hello.checks == {}


#: Every write of a whole answer, in order.
STEPS = [
    ("POST", r"/issues/1/comments$"),
    ("POST", r"\.git/git-receive-pack$"),
    ("POST", r"/pulls$"),
    ("PATCH", r"/issues/comments/\d+$"),
    ("POST", r"/issues/comments/\d+/reactions$"),
]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(("verb", "path"), STEPS, ids=["comment", "push", "pull", "edit", "reaction"])
def test_keeper_that_ends_at_a_step_leaves_one_of_each(
    desk: Desk, verb: str, path: str, *, after: bool
) -> None:
    """GH-02, GH-07: whether GitHub did it or not, the next keeper, who knows only rows, finds out."""
    is_push = "receive" in path
    desk.github.fail(verb, path, after=after and not is_push, drops=not is_push, status=502)
    task = desk.ask()
    desk.look()
    desk.look()
    desk.run(task, commit={"README.md": "Mended\n"})
    for _ in range(3):
        desk.look()

    assert desk.github.faults[0].times == 0
    assert desk.reply().state is KeptState.FINISHED
    assert len(desk.ours) == 1
    assert "Pushed 1 commit" in desk.ours[0]
    assert len([one for one in desk.hello.pulls if one > 2]) == 1
    assert desk.reactions() == ["+1"]
    branches = git_http.git("branch", "--list", "agent/*", at=desk.hello.path).split()
    assert branches == [BRANCH]


def test_github_that_is_away_is_waited_for(desk: Desk) -> None:
    """The answer comes when it is back, and the row says why it has not come yet."""
    task = desk.ask()
    desk.run(task)
    desk.github.fail("GET", "/comments", status=502, times=5)
    for count in range(1, 6):
        desk.look()
        reply = desk.reply()
        assert (reply.state, reply.tries) == (KeptState.OPEN, count)
        assert "502" in (reply.problem or "")

    desk.look()

    assert desk.reply().state is KeptState.FINISHED
    assert desk.reply().problem is None
    assert len(desk.ours) == 1


def test_limits_are_respected(desk: Desk) -> None:
    """GH-03: nobody asks again before GitHub said so."""
    task = desk.ask()
    desk.run(task)
    desk.github.fail("POST", "/comments", status=403, headers={"retry-after": "77"})
    began = utcnow()

    desk.look()

    next_at = desk.reply().next_at
    assert next_at is not None
    assert timedelta(seconds=76) < next_at - began < timedelta(seconds=90)


@pytest.mark.parametrize("how", ["locked", "deleted"])
def test_thread_that_takes_no_comment_is_not_asked_for_ever(desk: Desk, how: str) -> None:
    """GH-06: the problem is in the row, the Task keeps its result."""
    task = desk.ask()
    desk.run(task)
    if how == "locked":
        desk.hello.issues[1]["locked"] = True
    else:
        desk.hello.issues.pop(1)

    desk.look()

    reply = desk.reply()
    assert reply.state is KeptState.FINISHED
    assert "GitHub answered 40" in (reply.problem or "")
    assert desk.db.read(tasks.get, task.id).result == "Done."


def test_answer_that_was_locked_out_is_sent_again(desk: Desk) -> None:
    """GH-03: by hand, once."""
    task = desk.ask()
    desk.run(task)
    desk.hello.issues[1]["locked"] = True
    desk.look()
    assert desk.ours == []

    desk.hello.issues[1]["locked"] = False
    desk.db.write(turns.send_again, task.id)
    desk.look()
    assert (desk.reply().state, desk.reply().problem) == (KeptState.FINISHED, None)
    assert len(desk.ours) == 1

    with pytest.raises(Conflict, match="nothing to send again"):
        desk.db.write(turns.send_again, task.id)


def test_comment_that_somebody_deleted_is_made_anew_by_hand_only(desk: Desk) -> None:
    """Whoever deleted it did not want it; whoever sends it again does."""
    task = desk.ask()
    desk.look()
    desk.hello.comments.pop(desk.reply().comment_id or 0)
    desk.run(task)
    desk.look()
    assert desk.ours == []
    assert "404" in (desk.reply().problem or "")

    desk.db.write(turns.send_again, task.id)
    desk.look()

    assert len(desk.ours) == 1
    assert "Done." in desk.ours[0]


def test_task_that_is_asked_for_again_has_the_same_comment(desk: Desk) -> None:
    """It goes on from "Queued", and ends again."""
    task = desk.ask()
    desk.fail(task, "Bad.")
    desk.look()
    assert "did not work out" in desk.ours[0]

    desk.db.write(tasks.retry, task.id)
    desk.look()
    assert "Queued" in desk.ours[0]
    desk.run(desk.db.read(tasks.get, task.id))
    desk.look()

    assert len(desk.ours) == 1
    assert "Done." in desk.ours[0]


def test_line_is_answered_where_it_stands(desk: Desk, hello: Repository) -> None:
    """In the thread of the review comment, and nowhere else."""
    line = hello.add_line_comment(2, "@agent why?", account("mona", 7))
    task = desk.ask(number=2, reply_to=line["id"])
    desk.run(task)

    desk.look()
    desk.look()

    answers = [one for one in hello.line_comments.values() if one.get("in_reply_to_id") == line["id"]]
    assert len(answers) == 1
    assert "Done." in answers[0]["body"]
    assert desk.ours == []


def test_check_run_on_the_head_has_ended(desk: Desk, hello: Repository) -> None:
    """It is never seen in progress, so it can't be left so."""
    sha = git_http.head(hello.path, "topic") or ""
    task = desk.ask(number=2, head=Head(ref="topic", sha=sha, repository_id=hello.id))
    desk.look()
    assert hello.checks == {}
    desk.run(task)
    desk.look()

    (check,) = hello.checks.values()
    assert (check["status"], check["conclusion"], check["head_sha"]) == ("completed", "success", sha)


def test_two_keepers_make_one_comment(desk: Desk) -> None:
    """Who comes second finds that somebody has it."""
    desk.ask()
    first, second = desk.keeper(), desk.keeper()
    (reply_id,) = first.due()
    assert second.due() == [reply_id]

    first.keep(reply_id)
    second.keep(reply_id)

    assert len(desk.ours) == 1
    assert len(desk.github.asked("POST", "/comments$")) == 1


def test_notice_is_posted_once(desk: Desk) -> None:
    """It is no Task's, and ends with being posted, also where GitHub did not say that it was."""
    task = desk.ask()
    asked = desk.reply()
    notice = asked.model_copy(
        update={
            "id": "n-1",
            "task_id": None,
            "kind": ReplyKind.PAUSED,
            "text": paused_text("n-1", "It is too much."),
            "created_at": utcnow(),
        }
    )
    desk.run(task)
    desk.look()
    desk.db.write(replies.add, notice)
    desk.github.fail("POST", "/issues/1/comments$", drops=True, after=True)
    desk.look()
    desk.look()

    assert len(desk.ours) == 2
    assert "It is too much." in desk.ours[1]
    assert desk.reply().state is KeptState.FINISHED
