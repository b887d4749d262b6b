"""GitHub's payloads as far as Errand reads them: what is not listed here may change as it likes."""

import hashlib
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, model_validator

#: Goes into addresses of the API and of clones, so nothing else is let in.
FullName = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_-]{0,99}/[A-Za-z0-9_.-]{1,100}$")
]
Login = Annotated[str, StringConstraints(min_length=1, max_length=100)]
Sha = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40}([0-9a-f]{24})?$")]
RefName = Annotated[str, StringConstraints(min_length=1, max_length=400)]
Id = Annotated[int, Field(ge=0, lt=2**63)]

#: Stands for a time that was not sent: of what has it nobody knows that it was there before anything else.
UNDATED = datetime(9999, 1, 1, tzinfo=UTC)
#: Where the ids begin that stand for those that were not sent: GitHub is far from them, and JSON holds them.
NAMED = 2**52


class Lenient(BaseModel):
    """Fields that Errand does not know are GitHub's to add."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


class User(Lenient):
    """An account: a person, a bot, an organization."""

    id: Id
    login: Login
    type: str = "User"

    @model_validator(mode="before")
    @classmethod
    def _by_name(cls, fields: object) -> object:
        return _known_by(fields, "login")


class RepositoryName(Lenient):
    """A repository where GitHub says no more of it."""

    id: Id
    full_name: FullName

    @model_validator(mode="before")
    @classmethod
    def _by_name(cls, fields: object) -> object:
        return _known_by(_with_full_name(fields), "full_name")


class Repository(RepositoryName):
    """A repository."""

    private: bool = False
    archived: bool = False
    default_branch: str | None = None
    clone_url: str | None = None


class Numbered(Lenient):
    """Something that is known by its id: an installation, an app."""

    id: Id


class App(Numbered):
    """The GitHub App that made a check."""

    slug: str | None = None


class Label(Lenient):
    """A label."""

    name: str


class Ref(Lenient):
    """One side of a pull request; `repo` is null once a fork has been deleted."""

    ref: RefName
    sha: Sha
    repo: RepositoryName | None = None


class Base(Lenient):
    """The side of a pull request that it is for."""

    ref: RefName


class Dated(Lenient):
    """What is written at some time, and may be edited later."""

    created_at: AwareDatetime = UNDATED
    updated_at: AwareDatetime = UNDATED

    @model_validator(mode="before")
    @classmethod
    def _not_edited(cls, fields: object) -> object:
        return _instead(fields, "updated_at", "created_at")


class Opened(Dated):
    """What an issue and a pull request have in common."""

    id: Id
    number: Id
    title: str = ""
    body: str | None = None
    user: User | None = None
    state: str = "open"
    locked: bool = False
    #: Objects, and in some of the API's answers names alone.
    labels: list[Any] = []

    @model_validator(mode="before")
    @classmethod
    def _by_number(cls, fields: object) -> object:
        return _instead(fields, "id", "number")

    @property
    def label_names(self) -> list[str]:
        """The names of its labels, where they have one."""
        named = [one.get("name") for one in self.labels if isinstance(one, dict)]
        return [name for name in named if isinstance(name, str)]


class Issue(Opened):
    """An issue, or a pull request as issues see it."""

    pull_request: dict[str, Any] | None = None


class PullRequest(Opened):
    """A pull request."""

    head: Ref
    base: Base
    merged: bool | None = None


class Comment(Dated):
    """A comment on an issue or a pull request."""

    id: Id
    body: str | None
    user: User | None = None


class ReviewComment(Comment):
    """A comment on lines of a pull request."""

    path: str
    line: int | None = None
    original_line: int | None = None
    start_line: int | None = None
    side: str | None = None
    diff_hunk: str = ""
    in_reply_to_id: Id | None = None
    pull_request_review_id: Id | None = None


class Review(Lenient):
    """A review as submitted."""

    id: Id
    body: str | None = None
    user: User | None = None
    state: str = ""
    submitted_at: AwareDatetime | None = None
    commit_id: Sha | None = None


class CheckedPullRequest(Lenient):
    """A pull request as checks name it."""

    id: Id
    number: Id

    @model_validator(mode="before")
    @classmethod
    def _by_number(cls, fields: object) -> object:
        return _instead(fields, "id", "number")


class Check(Lenient):
    """A check run, a check suite or a workflow run."""

    id: Id
    name: str | None = None
    conclusion: str | None = None
    head_sha: Sha
    head_branch: str | None = None
    head_repository: RepositoryName | None = None
    html_url: str | None = None
    pull_requests: list[CheckedPullRequest] = []
    app: App | None = None
    check_suite: "Suite | None" = None
    completed_at: AwareDatetime | None = None
    updated_at: AwareDatetime | None = None


class Suite(Lenient):
    """The suite a check run belongs to."""

    head_branch: str | None = None


class Before(Lenient):
    """What a text was before an edit."""

    before: str | None = Field(None, alias="from")


class Changes(Lenient):
    """What an edit changed, or where what was opened comes from."""

    title: Before | None = None
    body: Before | None = None
    #: Only where an issue was moved here; that it is there is all that is read of it.
    old_issue: Any = None


class Payload(Lenient):
    """The fields of all events together; which of them an event has to have is in app.github.delivery."""

    action: str | None = None
    sender: User | None = None
    repository: Repository | None = None
    installation: Numbered | None = None
    issue: Issue | None = None
    comment: Comment | None = None
    pull_request: PullRequest | None = None
    review: Review | None = None
    label: Label | None = None
    assignee: User | None = None
    changes: Changes = Changes()
    check_run: Check | None = None
    check_suite: Check | None = None
    workflow_run: Check | None = None
    #: The comment of `pull_request_review_comment`, which knows its lines; there it is not in `comment`.
    review_comment: ReviewComment | None = None


def _instead(fields: object, missing: str, known: str) -> object:
    """Return `fields` in which `known` stands for what is `missing`."""
    if not isinstance(fields, dict) or fields.get(missing) is not None or fields.get(known) is None:
        return fields
    return {**fields, missing: fields[known]}


def _known_by(fields: object, name: str) -> object:
    """Return `fields` with an id: an account and a repository have one name each, whatever its case."""
    if not isinstance(fields, dict) or fields.get("id") is not None or not isinstance(fields.get(name), str):
        return fields
    said = hashlib.sha256(fields[name].casefold().encode("utf-8", "replace")).digest()
    return {**fields, "id": NAMED + int.from_bytes(said) % NAMED}


def _with_full_name(fields: object) -> object:
    """Return a repository's `fields` with its full name, where that is there in two parts."""
    match fields:
        case {"name": str(name), "owner": {"login": str(owner)}, **others}:
            return {"full_name": f"{owner}/{name}", **others}
    return fields
