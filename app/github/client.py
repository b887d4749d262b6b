"""The calls that Errand makes in one repository, typed."""

from collections.abc import Iterable
from datetime import UTC, datetime
from urllib.parse import quote

from app.domain.gate import Permission
from app.domain.trigger import Subject, Target
from app.github import api_errors
from app.github.answers import One, read
from app.github.api import DIFF, Api
from app.github.context import ChangedFile
from app.github.marker import marked
from app.github.payload import (
    Comment,
    Issue,
    Lenient,
    Numbered,
    PullRequest,
    Repository,
    Review,
    ReviewComment,
)

#: Of files, reviews and comments of ours so many are read. Of a conversation it is the end of which there are
#: so many, or up to a page less: what is older is nobody's context.
_MOST = 1000


class _File(Lenient):
    filename: str
    status: str = "modified"
    additions: int = 0
    deletions: int = 0

    def changed(self) -> ChangedFile:
        return ChangedFile(
            path=self.filename, status=self.status, additions=self.additions, deletions=self.deletions
        )


class _Offered(Lenient):
    ref: str


class _Pull(Lenient):
    number: int
    head: _Offered | None = None


class _Role(Lenient):
    role_name: str | None = None
    permission: str | None = None


class Client:
    """One repository by one Api; every method raises GitHubErrors and nothing else."""

    def __init__(self, api: Api, repository: str) -> None:
        self._api = api
        self._name = repository
        self._root = f"/repos/{repository}"

    def repository(self) -> Repository:
        """Return the repository, under the name that it has now where GitHub says one."""
        answer = self._api.call("GET", self._root)
        if isinstance(answer, dict) and not answer.keys().isdisjoint({"id", "name"}):
            answer = {"full_name": self._name, **answer}
        return read(Repository, answer)

    def permission(self, login: str) -> Permission:
        """Return what somebody may do here; whom GitHub does not know may do nothing."""
        path = f"{self._root}/collaborators/{quote(login, safe='')}/permission"
        try:
            answer = self._api.call("GET", path)
        except api_errors.NotThere:
            return Permission.NONE
        # `permission` knows neither triage nor maintain; roles of an organization's own fall back to it.
        role = read(_Role, answer)
        for name in (role.role_name or "", role.permission or ""):
            if name.upper() in Permission.__members__:
                return Permission[name.upper()]
        return Permission.NONE

    def issue(self, number: int) -> Issue:
        """Return an issue, or a pull request as issues see it."""
        return read(Issue, self._api.call("GET", f"{self._root}/issues/{number}"))

    def pull(self, number: int) -> PullRequest:
        """Return a pull request."""
        return read(PullRequest, self._api.call("GET", f"{self._root}/pulls/{number}"))

    def diff(self, number: int) -> str | None:
        """Return a pull request's diff, or None where it is too large for GitHub to show."""
        try:
            answer = self._api.call("GET", f"{self._root}/pulls/{number}", accept=DIFF)
        except (api_errors.NotThere, api_errors.Unprocessable):
            return None
        return str(answer or "")

    def files(self, number: int) -> list[ChangedFile]:
        """Return the files that a pull request changes."""
        found = _all(_File, self._api.pages(f"{self._root}/pulls/{number}/files", most=_MOST))
        return [one.changed() for one in found]

    def comments(self, number: int) -> list[Comment]:
        """Return the newest of the conversation of an issue or a pull request, oldest first."""
        return _all(Comment, self._api.newest(f"{self._root}/issues/{number}/comments", most=_MOST))

    def line_comments(self, number: int) -> list[ReviewComment]:
        """Return the newest comments on lines of a pull request, oldest first."""
        return _all(ReviewComment, self._api.newest(f"{self._root}/pulls/{number}/comments", most=_MOST))

    def review(self, number: int, review_id: int) -> Review:
        """Return a submitted review."""
        return read(Review, self._api.call("GET", f"{self._root}/pulls/{number}/reviews/{review_id}"))

    def review_comments(self, number: int, review_id: int) -> list[ReviewComment]:
        """Return the comments of one review; GitHub leaves their lines out: see line_comments."""
        path = f"{self._root}/pulls/{number}/reviews/{review_id}/comments"
        return _all(ReviewComment, self._api.pages(path, most=_MOST))

    def find_comment(self, number: int, reply_id: str, *, own_login: str, since: datetime) -> Comment | None:
        """Return our comment of after `since` that is the Reply with this id; None: there is none.

        Asked before posting after an outcome that is not known. Somebody else's comment with our mark is
        not ours. Without `since` a long thread would be read from its beginning, and not to its end.
        """
        path = f"{self._root}/issues/{number}/comments"
        found = self._api.pages(path, most=_MOST, parameters=_after(since))
        return next((one for one in _all(Comment, found) if _is(one, reply_id, own_login)), None)

    def find_line_comment(
        self, number: int, reply_id: str, *, own_login: str, since: datetime
    ) -> ReviewComment | None:
        """Return our comment of after `since` in a review thread that is the Reply with this id."""
        path = f"{self._root}/pulls/{number}/comments"
        found = self._api.pages(path, most=_MOST, parameters=_after(since))
        return next((one for one in _all(ReviewComment, found) if _is(one, reply_id, own_login)), None)

    def create_comment(self, number: int, body: str) -> Comment:
        """Post a comment."""
        answer = self._api.call("POST", f"{self._root}/issues/{number}/comments", body={"body": body})
        return read(Comment, answer)

    def edit_comment(self, comment_id: int, body: str) -> None:
        """Give a comment another text."""
        self._api.call("PATCH", f"{self._root}/issues/comments/{comment_id}", body={"body": body})

    def answer_line_comment(self, number: int, comment_id: int, body: str) -> ReviewComment:
        """Post a comment into the review thread that `comment_id` began."""
        path = f"{self._root}/pulls/{number}/comments/{comment_id}/replies"
        return read(ReviewComment, self._api.call("POST", path, body={"body": body}))

    def edit_line_comment(self, comment_id: int, body: str) -> None:
        """Give a comment in a review thread another text."""
        self._api.call("PATCH", f"{self._root}/pulls/comments/{comment_id}", body={"body": body})

    def react(self, target: Target, content: str) -> int:
        """Put a reaction (eyes, rocket, confused, +1) and return its id; the same one twice is one."""
        answer = self._api.call("POST", f"{self._reactions(target)}", body={"content": content})
        return read(Numbered, answer).id

    def unreact(self, target: Target, reaction_id: int) -> None:
        """Take a reaction back; one that is gone is as good."""
        self._gone(f"{self._reactions(target)}/{reaction_id}")

    def remove_label(self, number: int, name: str) -> None:
        """Take a label off; one that is gone is as good."""
        self._gone(f"{self._root}/issues/{number}/labels/{quote(name, safe='')}")

    def find_pull(self, branch: str, *, owner: str) -> int | None:
        """Return the number of the open pull request of our `branch`, or None."""
        asked = {"head": f"{owner}:{branch}", "state": "open"}
        found = _all(_Pull, self._api.pages(f"{self._root}/pulls", parameters=asked))
        return next((one.number for one in found if one.head is None or one.head.ref == branch), None)

    def open_pull(self, *, branch: str, base: str, title: str, body: str, draft: bool = True) -> int:
        """Open a pull request and return its number; Unprocessable where drafts are not to be had."""
        asked = {"head": branch, "base": base, "title": title, "body": body, "draft": draft}
        return read(_Pull, self._api.call("POST", f"{self._root}/pulls", body=asked)).number

    def add_check(
        self,
        *,
        name: str,
        sha: str,
        link: str | None,
        external_id: str,
        conclusion: str,
        title: str,
        summary: str,
    ) -> int:
        """Put a check run on a commit that has ended already and return its id."""
        ended = {"status": "completed", "conclusion": conclusion}
        output = {"title": title, "summary": summary}
        asked = {"name": name, "head_sha": sha, "external_id": external_id, "output": output, **ended}
        answer = self._api.call(
            "POST", f"{self._root}/check-runs", body={**asked, "details_url": link} if link else asked
        )
        return read(Numbered, answer).id

    def _reactions(self, target: Target) -> str:
        match target.subject:
            case Subject.ISSUE:
                return f"{self._root}/issues/{target.id}/reactions"
            case Subject.COMMENT:
                return f"{self._root}/issues/comments/{target.id}/reactions"
            case Subject.REVIEW_COMMENT:
                return f"{self._root}/pulls/comments/{target.id}/reactions"

    def _gone(self, path: str) -> None:
        try:
            self._api.call("DELETE", path)
        except api_errors.NotThere:
            return


def _all(form: type[One], found: Iterable[object]) -> list[One]:
    return [read(form, one) for one in found]


def _after(since: datetime) -> dict[str, str]:
    # In whole seconds, as GitHub describes it.
    return {"since": since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")}


def _is(comment: Comment, reply_id: str, own_login: str) -> bool:
    is_ours = comment.user is not None and comment.user.login.casefold() == own_login.casefold()
    return is_ours and marked(comment.body or "") == reply_id
