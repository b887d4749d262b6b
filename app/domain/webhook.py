"""WebhookConfig: an address of ours that turns a signed POST into a Task."""

import re
from enum import StrEnum
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, ConfigDict, Field, SecretStr

from app.domain.agent import FALLBACK, NAME_PATTERN
from app.domain.model import Model
from app.domain.task import TaskId

#: Shorter secrets can be guessed from one signed delivery.
SHORTEST_SECRET = 16
#: Addresses that are somebody else's already.
TAKEN = frozenset({"github"})
#: A way into a payload: names and places with dots between.
PATH = r"[A-Za-z0-9_-]{1,64}(?:\.[A-Za-z0-9_-]{1,64}){0,15}"
_DEDUPE = re.compile(rf"(?:{PATH}|header:[A-Za-z0-9-]{{1,64}})?", re.ASCII)


def _has_text(template: str) -> str:
    if not template.strip():
        raise ValueError("must say what the agent is asked to do")
    return template


def _is_free(name: str) -> str:
    if name in TAKEN:
        raise ValueError(f"/webhooks/{name} is taken; choose another name")
    return name


def _is_dedupe(key: str) -> str:
    if not _DEDUPE.fullmatch(key):
        raise ValueError("must be a path into the payload (alert.id) or a header (header:X-Request-Id)")
    return key


#: What a Task's message is made of; values of the payload are put below it as plain text.
Template = Annotated[str, Field(max_length=65_536), AfterValidator(_has_text)]


class WebhookSettings(Model):
    """What may be changed of a webhook."""

    agent: str = Field(FALLBACK, pattern=rf"^{NAME_PATTERN}$")
    template: Template
    #: What two deliveries that are one have in common; empty: the whole body, for ten minutes.
    dedupe: Annotated[str, Field(max_length=1100), AfterValidator(_is_dedupe)] = ""
    #: The secret itself is taken as Authorization: Bearer, from senders that can't sign.
    bearer: bool = False
    #: Who is told of the end of each Task.
    callback_url: Annotated[str, Field(max_length=2000)] | None = None
    enabled: bool = True


class WebhookConfig(WebhookSettings):
    """One webhook; `name` is part of its address, so the same rules hold as for an Agent's name."""

    model_config = ConfigDict(hide_input_in_errors=True)

    name: Annotated[str, Field(pattern=rf"^{NAME_PATTERN}$"), AfterValidator(_is_free)]
    secret: Annotated[SecretStr, Field(min_length=SHORTEST_SECRET)]


class Webhook(WebhookSettings):
    """One as its row has it; the secrets are sealed."""

    name: str
    secret: str
    #: Until when the secret before it is good too.
    previous_until: AwareDatetime | None
    callback_secret: str
    created_at: AwareDatetime
    updated_at: AwareDatetime
    used_at: AwareDatetime | None


class HookVerdict(StrEnum):
    """What became of a signed delivery."""

    TASK = "task"
    KNOWN = "known"
    REFUSED = "refused"


class CallbackState(StrEnum):
    """Where a Callback stands. An open one is sent once its Task has ended."""

    OPEN = "open"
    SENT = "sent"
    FAILED = "failed"


class Callback(Model):
    """What is sent to `url` when a Task ends, and how far that is."""

    id: str
    webhook: str
    task_id: TaskId
    url: str
    state: CallbackState
    #: That of the Task's end which it is about.
    ended_at: AwareDatetime | None
    tries: int
    next_at: AwareDatetime | None
    detail: str
    #: Raised by whoever takes it; a write under an older one is refused.
    fence: int


class HookDelivery(Model):
    """A signed delivery, without its body."""

    id: str
    webhook: str
    received_at: AwareDatetime
    verdict: HookVerdict
    #: Why, in words.
    detail: str
    task_id: TaskId | None
    size: int
    content_type: str
    callback: Callback | None = None


#: Seconds after a failed callback before the next try: some eight hours in all.
CALLBACK_PAUSES = (10.0, 60.0, 300.0, 900.0, 3600.0, 7200.0, 14400.0)


def pause_before_callback(tries: int, asked: float | None = None) -> float | None:
    """Return the seconds to wait after so many failed tries, or None where it was the last.

    `asked` is what the receiver asked for; at most an hour is taken of it.
    """
    if tries > len(CALLBACK_PAUSES):
        return None
    return max(CALLBACK_PAUSES[max(0, tries - 1)], min(asked or 0.0, 3600.0))


def value_at(payload: Any, path: str) -> Any:
    """Return what stands in `payload` at `path`, None where there is nothing."""
    for step in path.split("."):
        if isinstance(payload, dict):
            payload = payload.get(step)
        elif isinstance(payload, list) and step.isdecimal() and len(step) < 7:
            payload = payload[int(step)] if int(step) < len(payload) else None
        else:
            return None
    return payload
