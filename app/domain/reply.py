"""A Reply's row: what is kept of the one comment that answers a Task, and of short notices."""

from enum import StrEnum
from typing import Any

from pydantic import AwareDatetime, Field

from app.domain.model import Model
from app.domain.task import TaskId
from app.domain.trigger import Head, Trigger


class ReplyKind(StrEnum):
    """A Task's, or what the notice is about."""

    TASK = "task"
    HELP = "help"
    STATUS = "status"
    NOTHING = "nothing"
    PAUSED = "paused"


class KeptState(StrEnum):
    """Whether its comment may still change."""

    OPEN = "open"
    FINISHED = "finished"


class KeptReply(Model):
    """A Reply as its row has it."""

    id: str
    #: None: a notice, whose whole text is `text`.
    task_id: TaskId | None = None
    text: str | None = None
    kind: ReplyKind
    delivery_id: str | None = None
    installation_id: int | None = None
    #: What asked for it, with its thread and its author.
    trigger: Trigger
    #: The commit it is about; None for an issue.
    head: Head | None = None
    is_fork: bool = False
    #: Who asked; a failed check asks for whoever asked for the branch.
    requester_id: int | None = None
    requester: str | None = None
    reply_to: int | None = None
    comment_id: int | None = None
    reaction_id: int | None = None
    check_run_id: int | None = None
    branch: str | None = None
    pull_number: int | None = None
    result: dict[str, Any] | None = None
    state: KeptState = KeptState.OPEN
    told: str | None = None
    next_at: AwareDatetime | None = None
    tries: int = Field(0, ge=0)
    problem: str | None = None
    fence: int = Field(0, ge=0)
    created_at: AwareDatetime
    finished_at: AwareDatetime | None = None
