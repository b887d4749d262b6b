"""What a webhook Delivery is about, in words that can be kept in a row."""

import hashlib
from enum import StrEnum

from pydantic import AwareDatetime, Field

from app.domain.model import Model
from app.domain.task import TaskId


class ObjectKey(Model):
    """What was asked, whichever Delivery brought it: a redelivery with another id has the same key.

    GitHub's delivery id is not signed and one comment can come in two events, so the id alone does not
    tell that something was asked before.
    """

    repository_id: int
    #: issue, pull_request, comment, review, review_comment, label, assignment, failed_check.
    kind: str
    object_id: int
    #: SHA-256 of the text that asked; another text in the same place is another question.
    digest: str = Field(pattern=r"^[0-9a-f]{64}$")

    def __str__(self) -> str:
        return f"{self.repository_id}/{self.kind}/{self.object_id}/{self.digest}"


def digest(*texts: str | None) -> str:
    """Return the SHA-256 of `texts`, which differs where their borders do."""
    sums = (hashlib.sha256((text or "").encode("utf-8", "surrogatepass")).digest() for text in texts)
    return hashlib.sha256(b"".join(sums)).hexdigest()


class DeliveryState(StrEnum):
    """Whether anybody still has to act on a Delivery."""

    RECEIVED = "received"
    DONE = "done"


class Verdict(StrEnum):
    """What became of a Delivery; its code and its reason say why."""

    TASK = "task"
    COMMAND = "command"
    IGNORED = "ignored"
    REFUSED = "refused"
    KNOWN = "known"
    FAILED = "failed"


class Recorded(Model):
    """A Delivery as its row has it, without its body."""

    id: str
    source: str
    event: str
    action: str | None = None
    repository: str | None = None
    sender: str | None = None
    received_at: AwareDatetime
    content_type: str
    state: DeliveryState = DeliveryState.RECEIVED
    #: None: not decided yet.
    verdict: Verdict | None = None
    code: str | None = None
    reason: str = ""
    object_key: str | None = None
    task_id: TaskId | None = None
    #: Tries that came to no end, and when the next may begin.
    tries: int = Field(0, ge=0)
    not_before: AwareDatetime | None = None
    done_at: AwareDatetime | None = None


class Decision(Model):
    """A verdict and why, in a stable code and in words."""

    verdict: Verdict
    code: str
    reason: str
    task_id: TaskId | None = None
    #: Kept where it led to something: whoever asks the same again is known.
    object_key: str | None = None
