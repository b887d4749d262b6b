"""Makes the parts of a Trigger from the parts of a payload."""

from typing import TypeVar

from app.domain.delivery import ObjectKey, digest
from app.domain.trigger import Account, Head, Place, Subject, Target, Thread
from app.github.payload import (
    NAMED,
    Comment,
    Issue,
    Payload,
    PullRequest,
    Repository,
    ReviewComment,
    User,
)

T = TypeVar("T")


def sure(part: T | None) -> T:
    """Return a part of a payload that read_delivery has made sure of."""
    if part is None:
        raise AssertionError("app.github.delivery.REQUIRED does not name it")
    return part


def repository_of(payload: Payload) -> Repository:
    """Return the repository; every event that is read has one."""
    return sure(payload.repository)


def account(user: User) -> Account:
    """Return `user` as rows keep it."""
    return Account(id=user.id, login=user.login, type=user.type)


def issue_thread(payload: Payload, issue: Issue) -> Thread:
    """Return the issue, or the pull request it is, as a Thread."""
    repository = repository_of(payload)
    return Thread(
        repository_id=repository.id,
        repository=repository.full_name,
        number=issue.number,
        is_pull_request=issue.pull_request is not None,
        title=issue.title,
    )


def pull_thread(payload: Payload, pull: PullRequest) -> Thread:
    """Return the pull request as a Thread."""
    repository = repository_of(payload)
    return Thread(
        repository_id=repository.id,
        repository=repository.full_name,
        number=pull.number,
        is_pull_request=True,
        title=pull.title,
    )


def head(pull: PullRequest, thread: Thread) -> Head:
    """Return what the pull request `thread` offers."""
    repository_id = pull.head.repo.id if pull.head.repo else None
    if pull.head.repo and max(pull.head.repo.id, thread.repository_id) >= NAMED:
        # One of the two ids was not sent: then it is the name that tells.
        same = pull.head.repo.full_name.casefold() == thread.repository.casefold()
        repository_id = thread.repository_id if same else pull.head.repo.id
    return Head(ref=pull.head.ref, sha=pull.head.sha, repository_id=repository_id, base_ref=pull.base.ref)


def key(payload: Payload, kind: str, object_id: int, *texts: str | None) -> ObjectKey:
    """Return what tells this question from every other."""
    return ObjectKey(
        repository_id=repository_of(payload).id, kind=kind, object_id=object_id, digest=digest(*texts)
    )


def place(comment: ReviewComment) -> Place:
    """Return the lines that `comment` is about, which may be gone in the newest version of the file."""
    line = comment.line if comment.line is not None else comment.original_line
    return Place(path=comment.path, line=line, start_line=comment.start_line, hunk=comment.diff_hunk)


def comment_target(comment: Comment) -> Target:
    """Return where the eyes go: review comments have an address of their own."""
    subject = Subject.REVIEW_COMMENT if isinstance(comment, ReviewComment) else Subject.COMMENT
    return Target(subject=subject, id=comment.id)
