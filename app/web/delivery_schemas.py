"""The shapes of what is shown of webhooks."""

from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, Field

from app.domain.delivery import DeliveryState, Verdict
from app.web.origin import ReplyOut
from app.web.schemas import Cursor, PageSize


class DeliveryTaken(BaseModel):
    """What was made of a webhook at once."""

    delivery_id: str
    verdict: str = Field(description="received: it is looked at now. Else known or ignored.")
    reason: str


class DeliveriesQuery(BaseModel):
    """Which deliveries."""

    verdict: Verdict | None = None
    repository: Annotated[str | None, Field(max_length=200)] = None
    source: Annotated[str | None, Field(max_length=64)] = None
    limit: PageSize = 50
    cursor: Cursor = None


class DeliveryPath(BaseModel):
    """Which delivery."""

    delivery_id: Annotated[str, Field(max_length=80)]


class DeliveryOut(BaseModel):
    """A webhook as received, and what became of it."""

    id: str
    source: str
    event: str
    action: str | None
    repository: str | None
    sender: str | None
    received_at: AwareDatetime
    state: DeliveryState = Field(description="received: somebody still has to act on it.")
    verdict: Verdict | None = Field(description="null: not decided yet; the reason says why.")
    code: str | None
    reason: str = Field(description="The verdict in words.")
    task_id: str | None
    tries: int = Field(description="That came to no end so far.")
    not_before: AwareDatetime | None = Field(description="When the next try may begin.")
    done_at: AwareDatetime | None
    reply: ReplyOut | None = Field(description="What is told on GitHub; null: nothing.")


class DeliveryPage(BaseModel):
    """Deliveries, newest first."""

    items: list[DeliveryOut]
    next_cursor: str | None


class DryRun(BaseModel):
    """A payload to be judged as if it had just come; nothing is written."""

    event: str = Field(description="As in the header X-GitHub-Event.", max_length=64)
    payload: dict[str, Any]


class DryRunOut(BaseModel):
    """What would become of it."""

    verdict: Verdict
    code: str
    reason: str


class SentOut(BaseModel):
    """A webhook as GitHub remembers it."""

    id: int
    guid: str
    delivered_at: AwareDatetime
    redelivery: bool
    status: str
    status_code: int
    event: str
    action: str | None


class GitHubSetup(BaseModel):
    """How GitHub is to be set up, and what is missing."""

    webhook_url: str
    secret_set: bool
    access: Literal["app", "token", "none"]
    account: str | None
    permissions: dict[str, str] = Field(description="What the App has to be allowed, by GitHub's names.")
    events: list[str] = Field(description="What the webhook has to be subscribed to.")
    problems: list[str] = Field(description="What is missing, a sentence each.")
    sent: list[SentOut] = Field(description="What GitHub sent lately, and what it got; for an App only.")
