"""The REST calls of the stand-in: each from what it knows to what GitHub would answer."""

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tests.fakes.github import git_http
from tests.fakes.github.openapi import Described, merged, named
from tests.fakes.github.state import Json, Repository, now


class Refusal(Exception):
    """An error answer."""

    def __init__(self, status: int, message: str, **more: Any) -> None:
        super().__init__(message)
        self.status = status
        self.answer = {"message": message, "documentation_url": "https://docs.github.com/rest", **more}


@dataclass(frozen=True)
class Call:
    """What a call brings along."""

    described: Described
    repository: Repository
    body: Any
    query: dict[str, str]
    accept: str
    author: Json

    def number(self, name: str) -> int:
        """Return a number from the path."""
        return int(self.described.values[name])


Route = Callable[[Call], tuple[int, Any]]


def _found(place: dict[int, Json], number: int) -> Json:
    if number not in place:
        raise Refusal(404, "Not Found")
    return place[number]


def repository(call: Call) -> tuple[int, Any]:
    """GET a repository."""
    return 200, merged(call.described.example(200), call.repository.describe())


def permission(call: Call) -> tuple[int, Any]:
    """GET what a user may do."""
    login = call.described.values["username"]
    role = call.repository.roles.get(login)
    if role is None:
        raise Refusal(404, f"{login} is not a user")
    legacy = {"maintain": "write", "triage": "read"}.get(role, role)
    return 200, merged(call.described.example(200), {"permission": legacy, "role_name": role})


def issue(call: Call) -> tuple[int, Any]:
    """GET an issue."""
    return 200, _found(call.repository.issues, call.number("issue_number"))


def comments(call: Call) -> tuple[int, Any]:
    """GET the comments of an issue."""
    number = call.number("issue_number")
    _found(call.repository.issues, number)
    return 200, _since(call, call.repository.of_thread(number))


def _since(call: Call, found: list[Json]) -> list[Json]:
    since = datetime.fromisoformat(call.query.get("since", "1970-01-01T00:00:00Z"))
    return [one for one in found if datetime.fromisoformat(one["updated_at"]) >= since]


def create_comment(call: Call) -> tuple[int, Any]:
    """POST a comment; where it is locked, nobody but who may write does."""
    number = call.number("issue_number")
    if _found(call.repository.issues, number)["locked"]:
        raise Refusal(403, "Unable to create comment because issue is locked.")
    _checked(call.body["body"])
    return 201, call.repository.add_comment(number, call.body["body"], call.author)


def edit_comment(call: Call) -> tuple[int, Any]:
    """PATCH a comment."""
    found = _found(call.repository.comments, call.number("comment_id"))
    _checked(call.body["body"])
    found.update(body=call.body["body"], updated_at=now())
    return 200, found


def edit_line_comment(call: Call) -> tuple[int, Any]:
    """PATCH a comment on a line."""
    found = _found(call.repository.line_comments, call.number("comment_id"))
    _checked(call.body["body"])
    found.update(body=call.body["body"], updated_at=now())
    return 200, found


def _checked(body: str) -> None:
    if len(body) > 65_536:
        problem = {"resource": "IssueComment", "code": "unprocessable", "field": "data"}
        message = "Body is too long (maximum is 65536 characters)"
        raise Refusal(422, "Validation Failed", errors=[{**problem, "message": message}])


def remove_label(call: Call) -> tuple[int, Any]:
    """DELETE a label of an issue."""
    found = _found(call.repository.issues, call.number("issue_number"))
    left = [one for one in found["labels"] if one["name"] != call.described.values["name"]]
    if len(left) == len(found["labels"]):
        raise Refusal(404, "Label does not exist")
    found["labels"] = left
    return 200, left


def _reactions(call: Call) -> list[Json]:
    kinds = {"/issues/comments/": "comments", "/pulls/comments/": "pulls/comments"}
    kind = next((name for part, name in kinds.items() if part in call.described.path), "issues")
    place = {
        "comments": call.repository.comments,
        "pulls/comments": call.repository.line_comments,
        "issues": call.repository.issues,
    }[kind]
    number = call.number("issue_number" if kind == "issues" else "comment_id")
    _found(place, number)
    return call.repository.reactions.setdefault((kind, number), [])


def react(call: Call) -> tuple[int, Any]:
    """POST a reaction; the same one twice is one."""
    known = _reactions(call)
    for one in known:
        if (one["content"], one["user"]["login"]) == (call.body["content"], call.author["login"]):
            return 200, one
    made = named(
        "reaction",
        id=next(call.repository.ids),
        content=call.body["content"],
        user=call.author,
        created_at=now(),
    )
    known.append(made)
    return 201, made


def unreact(call: Call) -> tuple[int, Any]:
    """DELETE a reaction."""
    known = _reactions(call)
    left = [one for one in known if one["id"] != call.number("reaction_id")]
    if len(left) == len(known):
        raise Refusal(404, "Not Found")
    known[:] = left
    return 204, None


def pull(call: Call) -> tuple[int, Any]:
    """GET a pull request, or its diff."""
    found = _found(call.repository.pulls, call.number("pull_number"))
    tip = git_http.head(call.repository.path, found["head"]["ref"])
    if found["state"] == "open" and tip is not None:
        found["head"]["sha"] = tip
    if call.accept.endswith(".diff"):
        return 200, git_http.git("diff", *_range(found), at=call.repository.path)
    return 200, found


def _range(found: Json) -> tuple[str, str]:
    return found["base"]["sha"], found["head"]["sha"]


def files(call: Call) -> tuple[int, Any]:
    """GET the files that a pull request changes."""
    found = _found(call.repository.pulls, call.number("pull_number"))
    lines = git_http.git("diff", "--numstat", *_range(found), at=call.repository.path).splitlines()
    rows = [line.split("\t") for line in lines]
    return 200, [
        named(
            "diff-entry",
            filename=name,
            additions=int(added),
            deletions=int(removed),
            changes=int(added) + int(removed),
            status="modified",
        )
        for added, removed, name in rows
    ]


def pulls(call: Call) -> tuple[int, Any]:
    """GET the pull requests, by state and head."""
    state, head = call.query.get("state", "open"), call.query.get("head", "").partition(":")[2]
    found = [one for one in call.repository.pulls.values() if state in {one["state"], "all"}]
    mine = [one for one in found if not head or one["head"]["ref"] == head]
    keys = named("pull-request-simple").keys()
    return 200, [merged(named("pull-request-simple"), {k: one[k] for k in one if k in keys}) for one in mine]


def open_pull(call: Call) -> tuple[int, Any]:
    """POST a pull request; its branches have to be there, and there is one per branch."""
    body = call.body
    known = [one for one in call.repository.pulls.values() if one["head"]["ref"] == body["head"]]
    if any(one["state"] == "open" for one in known):
        problem = {"resource": "PullRequest", "code": "custom", "message": "A pull request already exists"}
        raise Refusal(422, "Validation Failed", errors=[problem])
    for side in ("head", "base"):
        if git_http.head(call.repository.path, body[side]) is None:
            problem = {"resource": "PullRequest", "field": side, "code": "invalid"}
            raise Refusal(422, "Validation Failed", errors=[problem])
    made = call.repository.add_pull(
        body["title"], body.get("body", ""), call.author, head=body["head"], base=body["base"]
    )
    made["draft"] = body.get("draft", False)
    return 201, made


def line_comments(call: Call) -> tuple[int, Any]:
    """GET the comments on lines of a pull request."""
    end = f"/pulls/{call.number('pull_number')}"
    of_pull = [one for one in call.repository.line_comments.values() if one["pull_request_url"].endswith(end)]
    return 200, _since(call, of_pull)


def answer_line_comment(call: Call) -> tuple[int, Any]:
    """POST an answer to the first comment of a review thread."""
    parent = _found(call.repository.line_comments, call.number("comment_id"))
    if parent.get("in_reply_to_id"):
        raise Refusal(404, "Not Found")
    _checked(call.body["body"])
    number = call.number("pull_number")
    return 201, call.repository.add_line_comment(
        number, call.body["body"], call.author, reply_to=parent["id"]
    )


def review(call: Call) -> tuple[int, Any]:
    """GET a review."""
    return 200, _found(call.repository.reviews, call.number("review_id"))


def review_comments(call: Call) -> tuple[int, Any]:
    """GET the comments of a review, which GitHub describes without some fields."""
    wanted = call.number("review_id")
    found = [one for one in call.repository.line_comments.values() if one["pull_request_review_id"] == wanted]
    return 200, [merged(named("review-comment"), one) for one in found]


def create_check(call: Call) -> tuple[int, Any]:
    """POST a check run on a commit that is there."""
    try:
        git_http.git("cat-file", "-e", f"{call.body['head_sha']}^{{commit}}", at=call.repository.path)
    except subprocess.CalledProcessError:
        raise Refusal(422, "No commit found for SHA") from None
    return 201, _check(call, next(call.repository.ids), call.body)


def edit_check(call: Call) -> tuple[int, Any]:
    """PATCH a check run."""
    number = call.number("check_run_id")
    _found(call.repository.checks, number)
    return 200, _check(call, number, call.body)


def _check(call: Call, number: int, body: Json) -> Json:
    known = call.repository.checks.setdefault(number, named("check-run", id=number))
    output: Json = {"title": None, "summary": None, "text": None, "annotations_count": 0}
    output["annotations_url"] = "https://github.test/annotations"
    given = {key: value for key, value in body.items() if key != "output"}
    known.update({**given, "output": {**output, **body.get("output", {})}})
    if body.get("status") == "completed":
        known["completed_at"] = now()
    return known


_REPO = "/repos/{owner}/{repo}"
ROUTES: dict[tuple[str, str], Route] = {
    ("GET", _REPO): repository,
    ("POST", f"{_REPO}/check-runs"): create_check,
    ("PATCH", f"{_REPO}/check-runs/{{check_run_id}}"): edit_check,
    ("GET", f"{_REPO}/collaborators/{{username}}/permission"): permission,
    ("PATCH", f"{_REPO}/issues/comments/{{comment_id}}"): edit_comment,
    ("POST", f"{_REPO}/issues/comments/{{comment_id}}/reactions"): react,
    ("DELETE", f"{_REPO}/issues/comments/{{comment_id}}/reactions/{{reaction_id}}"): unreact,
    ("GET", f"{_REPO}/issues/{{issue_number}}"): issue,
    ("GET", f"{_REPO}/issues/{{issue_number}}/comments"): comments,
    ("POST", f"{_REPO}/issues/{{issue_number}}/comments"): create_comment,
    ("DELETE", f"{_REPO}/issues/{{issue_number}}/labels/{{name}}"): remove_label,
    ("POST", f"{_REPO}/issues/{{issue_number}}/reactions"): react,
    ("DELETE", f"{_REPO}/issues/{{issue_number}}/reactions/{{reaction_id}}"): unreact,
    ("GET", f"{_REPO}/pulls"): pulls,
    ("POST", f"{_REPO}/pulls"): open_pull,
    ("PATCH", f"{_REPO}/pulls/comments/{{comment_id}}"): edit_line_comment,
    ("POST", f"{_REPO}/pulls/comments/{{comment_id}}/reactions"): react,
    ("DELETE", f"{_REPO}/pulls/comments/{{comment_id}}/reactions/{{reaction_id}}"): unreact,
    ("GET", f"{_REPO}/pulls/{{pull_number}}"): pull,
    ("GET", f"{_REPO}/pulls/{{pull_number}}/comments"): line_comments,
    ("POST", f"{_REPO}/pulls/{{pull_number}}/comments/{{comment_id}}/replies"): answer_line_comment,
    ("GET", f"{_REPO}/pulls/{{pull_number}}/files"): files,
    ("GET", f"{_REPO}/pulls/{{pull_number}}/reviews/{{review_id}}"): review,
    ("GET", f"{_REPO}/pulls/{{pull_number}}/reviews/{{review_id}}/comments"): review_comments,
}
