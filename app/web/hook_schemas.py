"""The shapes of calls about generic webhooks. Secrets go out once, to who makes them."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, Field

from app.domain.agent import FALLBACK, NAME_PATTERN
from app.domain.webhook import CallbackState, HookVerdict, Template


class HookPath(BaseModel):
    """Which webhook."""

    name: str = Field(description="What it was called when it was made.")


class HookRow(BaseModel):
    """Which webhook, by a name that one can have."""

    name: Annotated[str, Field(pattern=rf"^{NAME_PATTERN}$")]


class HookDeliveryPath(HookRow):
    """Which of a webhook's deliveries."""

    delivery_id: UUID


class HookAccepted(BaseModel):
    """What became of a delivery."""

    task_id: str | None = Field(description="Its task; null where that was deleted since.")
    known: bool = Field(description="The same was delivered before, and nothing new was made.")


class HookIn(BaseModel):
    """What may be changed of a webhook."""

    agent: str = Field(FALLBACK, description="Who works on it.")
    template: str = Field(description="The instruction, with {{ paths.into.the.payload }}.")
    dedupe: str = Field(
        "", description="What doubles share: a path into the payload, or header:NAME. Empty: the body."
    )
    bearer: bool = Field(
        False, description="Take the secret itself as Authorization: Bearer, from who can't sign."
    )
    callback_url: str | None = Field(None, description="Who is told of the end of each task.")
    enabled: bool = True


class NewHook(HookIn):
    """A webhook to make."""

    name: str


class HookOut(HookIn):
    """A webhook without its secrets."""

    name: str
    url: str = Field(description="Where it is delivered to.")
    readable: bool = Field(description="False: its secrets are encrypted under a key that is not here.")
    previous_until: AwareDatetime | None = Field(description="How long those before are good too.")
    created_at: AwareDatetime
    updated_at: AwareDatetime
    used_at: AwareDatetime | None


class HookMade(HookOut):
    """A webhook with its secrets, this once."""

    secret: str
    callback_secret: str = Field(description="What callbacks are signed with.")


class HookList(BaseModel):
    """All webhooks, by name."""

    items: list[HookOut]


class RotateHook(BaseModel):
    """Which secret to replace."""

    which: Literal["incoming", "callback"] = "incoming"
    keep_hours: float = Field(24, ge=0, le=24 * 30, description="How long the old incoming one is good too.")


class HookRotated(BaseModel):
    """The new secret, this once."""

    secret: str
    previous_until: AwareDatetime | None


class TestHook(BaseModel):
    """A payload to try a webhook with; nothing is written."""

    payload: str = Field(description="A body as it would be delivered.")
    content_type: str = "application/json"
    template: Template | None = Field(None, description="Another template to try instead of its own.")


class HookTested(BaseModel):
    """What a delivery of this payload would do."""

    message: str = Field(description="What the agent would be asked.")
    missing: list[str] = Field(description="Paths of the template for which the payload has nothing.")
    verdict: str = Field(description="In words: a task for whom, or known already.")


class HookCallback(BaseModel):
    """How far a callback is."""

    state: CallbackState
    tries: int
    next_at: AwareDatetime | None
    detail: str = Field(description="Why it has not arrived.")


class HookDeliveryOut(BaseModel):
    """A signed delivery and what became of it."""

    id: str
    received_at: AwareDatetime
    verdict: HookVerdict
    detail: str = Field(description="Why, in words.")
    task_id: str | None
    content_type: str
    size: int
    callback: HookCallback | None


class HookDeliveryList(BaseModel):
    """The last ones, newest first."""

    items: list[HookDeliveryOut]


class HookDeliveryWithBody(HookDeliveryOut):
    """A delivery with what was sent."""

    body: str
