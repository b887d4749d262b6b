"""What the stand-in for GitHub knows: repositories, their threads, and who may do what."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.fakes.github import git_http
from tests.fakes.github.openapi import merged, named

Json = dict[str, Any]


def now() -> str:
    """Return the time as GitHub writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def account(login: str, number: int) -> Json:
    """Return a user or, by the ending, a bot."""
    kind = "Bot" if login.endswith("[bot]") else "User"
    return named("simple-user", login=login, id=number, type=kind)


@dataclass
class Repository:
    """One repository: what GitHub would answer, by what it is asked for."""

    id: int
    full_name: str
    path: Path
    ids: "itertools.count[int]"
    roles: dict[str, str] = field(default_factory=dict)
    issues: dict[int, Json] = field(default_factory=dict)
    comments: dict[int, Json] = field(default_factory=dict)
    line_comments: dict[int, Json] = field(default_factory=dict)
    reviews: dict[int, Json] = field(default_factory=dict)
    pulls: dict[int, Json] = field(default_factory=dict)
    checks: dict[int, Json] = field(default_factory=dict)
    #: (issues, comments or pulls/comments; its number or id) -> reactions.
    reactions: dict[tuple[str, int], list[Json]] = field(default_factory=dict)
    is_archived: bool = False
    default_branch: str = "main"

    def describe(self) -> Json:
        """Return the repository itself."""
        owner, name = self.full_name.split("/")
        known = {"id": self.id, "full_name": self.full_name, "name": name, "archived": self.is_archived}
        return {**known, "default_branch": self.default_branch, "owner": account(owner, 50)}

    def add_issue(self, title: str, body: str, author: Json, *, labels: tuple[str, ...] = ()) -> Json:
        """Open an issue."""
        number = len(self.issues) + 1
        known = [named("label", id=next(self.ids), name=name) for name in labels]
        values = {"id": next(self.ids), "number": number, "title": title, "body": body, "user": author}
        self.issues[number] = named(
            "issue", **values, labels=known, state="open", locked=False, created_at=now(), updated_at=now()
        )
        return self.issues[number]

    def add_comment(self, number: int, body: str, author: Json) -> Json:
        """Comment on an issue or pull request."""
        url = f"https://github.test/repos/{self.full_name}/issues/{number}"
        found = named("issue-comment", **self._written(body, author), issue_url=url)
        self.comments[found["id"]] = found
        return found

    def _written(self, body: str, author: Json) -> Json:
        at = now()
        return {"id": next(self.ids), "body": body, "user": author, "created_at": at, "updated_at": at}

    def of_thread(self, number: int) -> list[Json]:
        """Return the comments of an issue or pull request."""
        return [one for one in self.comments.values() if one["issue_url"].endswith(f"/issues/{number}")]

    def add_line_comment(
        self, number: int, body: str, author: Json, *, review: int = 0, reply_to: int | None = None
    ) -> Json:
        """Comment on a line of a pull request, or answer such a comment."""
        url = f"https://github.test/repos/{self.full_name}/pulls/{number}"
        place = {"path": "README.md", "line": 1, "original_line": 1, "diff_hunk": "@@ -1 +1 @@\n-a\n+b"}
        parent = {"in_reply_to_id": reply_to} if reply_to else {}
        found = named(
            "pull-request-review-comment",
            **self._written(body, author),
            **place,
            **parent,
            pull_request_url=url,
            pull_request_review_id=review or next(self.ids),
        )
        self.line_comments[found["id"]] = found
        return found

    def add_review(self, number: int, body: str, author: Json, comments: tuple[str, ...] = ()) -> Json:
        """Submit a review with comments on a line."""
        review = named("pull-request-review", id=next(self.ids), body=body, user=author, submitted_at=now())
        self.reviews[review["id"]] = review
        for text in comments:
            self.add_line_comment(number, text, author, review=review["id"])
        return review

    def add_pull(self, title: str, body: str, author: Json, *, head: str, base: str = "main") -> Json:
        """Open a pull request of a branch that is there."""
        issue = self.add_issue(title, body, author)
        sides = {name: self._side(branch) for name, branch in (("head", head), ("base", base))}
        number = issue["number"]
        shared = {
            key: issue[key] for key in ("id", "number", "title", "body", "user", "created_at", "updated_at")
        }
        self.pulls[number] = named("pull-request", **shared, **sides, state="open", draft=False)
        issue["pull_request"] = dict.fromkeys(("url", "html_url", "diff_url", "patch_url"))
        return self.pulls[number]

    def _side(self, branch: str) -> Json:
        sha = git_http.head(self.path, branch)
        return {"ref": branch, "sha": sha, "repo": merged(named("repository"), self.describe())}

    def change(self, branch: str, files: Mapping[str, str]) -> str:
        """Commit to a branch."""
        return git_http.commit(self.path, branch, files)
