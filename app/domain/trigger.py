"""A Trigger: what a Delivery asks for, and why one asks for nothing."""

from enum import StrEnum

from pydantic import AwareDatetime

from app.domain.delivery import ObjectKey
from app.domain.model import Model


class Command(StrEnum):
    """What is asked with a mention."""

    ASK = "ask"
    STOP = "stop"
    RETRY = "retry"
    STATUS = "status"
    HELP = "help"


class TriggerKind(StrEnum):
    """What made GitHub tell us."""

    MENTION = "mention"
    REVIEW = "review"
    LABEL = "label"
    ASSIGNMENT = "assignment"
    FAILED_CHECK = "failed_check"


class Mention(Model):
    """What a text asks of us."""

    command: Command
    #: The Agent that the mention picks; None: the one that is set for GitHub.
    agent: str | None = None
    #: What to do, in its author's words; empty: whatever the issue or pull request is about.
    instruction: str = ""


class Account(Model):
    """Who did something on GitHub."""

    id: int
    login: str
    #: User, Bot, Organization or Mannequin.
    type: str = "User"

    @property
    def is_bot(self) -> bool:
        """GitHub's own word, or the ending that no person's name can have."""
        return self.type != "User" or self.login.endswith("[bot]")


class Thread(Model):
    """An issue or a pull request: what one Session belongs to."""

    repository_id: int
    #: owner/name, as GitHub spells it now; a repository that moves keeps its id.
    repository: str
    number: int
    is_pull_request: bool
    title: str = ""


class Head(Model):
    """What a pull request offers, as of the Trigger; `repository_id` is None when its fork was deleted."""

    ref: str
    sha: str
    repository_id: int | None
    base_ref: str | None = None


class Subject(StrEnum):
    """What carries the reactions, by how GitHub's API calls it."""

    ISSUE = "issue"
    COMMENT = "comment"
    REVIEW_COMMENT = "review_comment"


class Target(Model):
    """Where the eyes go."""

    subject: Subject
    #: An issue's number, or a comment's id.
    id: int


class Place(Model):
    """The lines that a review comment is about."""

    path: str
    line: int | None = None
    start_line: int | None = None
    hunk: str = ""


class Trigger(Model):
    """What was asked for, by whom, where. The row of a Task that comes from GitHub is made from it."""

    kind: TriggerKind
    command: Command = Command.ASK
    agent: str | None = None
    instruction: str = ""
    #: Who asks; None for a failed check, which asks for whoever asked for the branch.
    author: Account | None
    thread: Thread
    #: None where GitHub did not send it (a comment on a pull request): ask for it.
    head: Head | None = None
    #: When it was asked: what was written or edited later is no part of it.
    at: AwareDatetime
    key: ObjectKey
    #: None where nothing can carry a reaction (a review, a failed check): use the thread.
    target: Target | None = None
    #: The review whose comments, all together, are what is asked.
    review_id: int | None = None
    #: The first comment of the review thread to answer in; None: answer in the conversation.
    reply_to: int | None = None
    place: Place | None = None
    #: The label that asked, to be removed when it is taken up.
    label: str | None = None


class Ignored(Model):
    """A Delivery that asks for nothing; `code` is stable, `reason` is for people."""

    code: str
    reason: str
