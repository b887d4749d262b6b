"""Every call that Errand makes, against a stand-in that holds both sides to GitHub's own description."""

from datetime import UTC, datetime, timedelta

import pytest

from app.clock import utcnow
from app.domain.gate import Permission
from app.domain.trigger import Subject, Target
from app.github.client import Client
from app.github.marker import marker
from tests.fakes.github.server import FakeGitHub
from tests.fakes.github.state import Json, Repository, account

MONA: Json = account("mona", 7)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("role", "permission"),
    [
        ("admin", Permission.ADMIN),
        ("maintain", Permission.MAINTAIN),
        ("write", Permission.WRITE),
        ("triage", Permission.TRIAGE),
        ("read", Permission.READ),
        ("none", Permission.NONE),
        ("an organization's own", Permission.NONE),
    ],
)
def test_what_somebody_may_do(hello: Repository, reader: Client, role: str, permission: Permission) -> None:
    """The role's name says more than the permission; one that nobody knows is worth nothing."""
    hello.roles["sam"] = role

    assert reader.permission("sam") is permission


def test_whom_github_does_not_know_may_nothing(reader: Client) -> None:
    """404 is an answer, not an error; and a strange name stays inside the path."""
    assert reader.permission("nobody") is Permission.NONE
    assert reader.permission("ci[bot]") is Permission.NONE


def test_what_there_is_to_read(hello: Repository, reader: Client) -> None:
    """Repository, issue, pull request, diff and files."""
    head = hello.pulls[2]["head"]["sha"]

    assert reader.repository().id == hello.id
    assert (reader.issue(1).title, reader.issue(2).pull_request is not None) == ("It breaks", True)
    assert (reader.pull(2).head.sha, reader.pull(2).head.ref) == (head, "topic")
    assert "-Hello\n+Bye\n" in (reader.diff(2) or "")
    assert [file.path for file in reader.files(2)] == ["README.md"]


def test_a_diff_that_is_too_large_is_none(github: FakeGitHub, reader: Client) -> None:
    """GitHub refuses to show it (406); the files are told all the same."""
    github.fail("GET", "/pulls/2$", status=406, message="The diff is too large")

    assert reader.diff(2) is None


def test_a_long_conversation_is_read_to_its_end(hello: Repository, reader: Client) -> None:
    """Page by page, in order."""
    for number in range(250):
        hello.add_comment(1, f"comment {number}", MONA)

    assert [one.body for one in reader.comments(1)] == [f"comment {number}" for number in range(250)]


def test_of_a_thread_without_end_the_newest_are_read(hello: Repository, reader: Client) -> None:
    """Ten pages, in order: the question at its end is about what was said last."""
    for number in range(1001):
        hello.add_comment(1, f"comment {number}", MONA)
    newest = [f"comment {number}" for number in range(100, 1001)]

    assert [one.body for one in reader.comments(1)] == newest


def test_a_comment_is_posted_edited_and_found(github: FakeGitHub, hello: Repository, replier: Client) -> None:
    """By its mark, and only if it is ours."""
    hello.add_comment(1, f"{marker('t-1')} forged", MONA)
    assert replier.find_comment(1, "t-1", own_login=github.app_login, since=LONG_AGO) is None

    made = replier.create_comment(1, f"{marker('t-1')} first")
    replier.edit_comment(made.id, f"{marker('t-1')} second")

    found = replier.find_comment(1, "t-1", own_login=github.app_login, since=LONG_AGO)
    assert found is not None
    assert (found.id, found.body) == (made.id, f"{marker('t-1')} second")
    assert replier.find_comment(1, "t-2", own_login=github.app_login, since=LONG_AGO) is None


def test_ours_is_found_behind_a_thousand_others(
    github: FakeGitHub, hello: Repository, replier: Client
) -> None:
    """However long the thread is: what was there before is not asked for."""
    for number in range(1100):
        hello.add_comment(1, f"comment {number}", MONA)["updated_at"] = "2026-01-01T00:00:00Z"
    made = replier.create_comment(1, f"{marker('t-1')} words")

    found = replier.find_comment(1, "t-1", own_login=github.app_login, since=utcnow() - timedelta(hours=1))
    assert found is not None
    assert found.id == made.id


def test_a_review_comment_is_answered_in_its_thread(
    github: FakeGitHub, hello: Repository, replier: Client
) -> None:
    """Under the first comment, and found there again."""
    first = hello.add_line_comment(2, "@agent rename", MONA)

    made = replier.answer_line_comment(2, first["id"], f"{marker('t-1')} first")
    replier.edit_line_comment(made.id, f"{marker('t-1')} second")

    assert made.in_reply_to_id == first["id"]
    found = replier.find_line_comment(2, "t-1", own_login=github.app_login, since=LONG_AGO)
    assert found is not None
    assert found.body == f"{marker('t-1')} second"


def test_a_review_is_read_with_its_comments(hello: Repository, reader: Client) -> None:
    """What a submitted review says, all of it."""
    submitted = hello.add_review(2, "@agent do it", MONA, ("one", "two"))
    hello.add_line_comment(2, "elsewhere", MONA)

    assert reader.review(2, submitted["id"]).body == "@agent do it"
    assert [one.body for one in reader.review_comments(2, submitted["id"])] == ["one", "two"]
    assert [one.body for one in reader.line_comments(2)] == ["one", "two", "elsewhere"]


@pytest.mark.parametrize("subject", Subject)
def test_reactions_come_and_go(hello: Repository, replier: Client, subject: Subject) -> None:
    """On issues, comments and review comments, each by its own address; taken back twice is taken back."""
    numbers = {
        Subject.ISSUE: 1,
        Subject.COMMENT: hello.add_comment(1, "x", MONA)["id"],
        Subject.REVIEW_COMMENT: hello.add_line_comment(2, "x", MONA)["id"],
    }
    target = Target(subject=subject, id=numbers[subject])

    eyes = replier.react(target, "eyes")

    assert replier.react(target, "eyes") == eyes
    assert [len(known) for known in hello.reactions.values()] == [1]
    replier.unreact(target, eyes)
    replier.unreact(target, eyes)
    assert [len(known) for known in hello.reactions.values()] == [0]


def test_a_label_comes_off(hello: Repository, replier: Client) -> None:
    """Once; gone is gone, and the others stay."""
    replier.remove_label(1, "agent")
    replier.remove_label(1, "agent")
    replier.remove_label(1, "a/b #c")

    assert [one["name"] for one in hello.issues[1]["labels"]] == ["bug"]


def test_a_pull_request_is_opened_and_found(hello: Repository, pusher: Client) -> None:
    """As a draft, for the branch; looked for before a second one is opened."""
    hello.change("agent/issue-1", {"README.md": "Mended\n"})
    assert pusher.find_pull("agent/issue-1", owner="octo") is None

    number = pusher.open_pull(branch="agent/issue-1", base="main", title="Mend it", body="Fixes #1")

    assert pusher.find_pull("agent/issue-1", owner="octo") == number
    assert hello.pulls[number]["draft"] is True


def test_a_check_run_has_ended(hello: Repository, checker: Client) -> None:
    """With a conclusion, on the head of the pull request."""
    sha = hello.pulls[2]["head"]["sha"]
    check = checker.add_check(
        name="agent",
        sha=sha,
        link="https://errand.example/t",
        external_id="t-1",
        conclusion="neutral",
        title="Stopped",
        summary="Somebody stopped it.",
    )

    known = hello.checks[check]
    assert (known["status"], known["conclusion"], known["head_sha"]) == ("completed", "neutral", sha)
