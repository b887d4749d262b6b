"""Events: what an Attempt prints, one typed item at a time.

An adapter yields Events without a number; storing a batch gives them `seq` (1, 2, 3 ... per Task, no
holes), `attempt` and `at`, which makes each a Record: the shape of the REST and WebSocket contract.
"""

from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import Field, JsonValue

from app.domain.model import Model


class Text(Model):
    """Something the agent says to the reader, as markdown."""

    kind: Literal["text"] = "text"
    text: str
    #: Texts of one block continue one another (streamed deltas); without one a text stands for itself.
    block: str | None = None


class Thinking(Model):
    """The agent's reasoning, shown dim and closed."""

    kind: Literal["thinking"] = "thinking"
    text: str
    block: str | None = None


class ToolCall(Model):
    """The agent uses a tool; a ToolResult with the same id answers it."""

    kind: Literal["tool_call"] = "tool_call"
    id: str
    name: str
    input: JsonValue = None


class ToolResult(Model):
    """What a tool answered."""

    kind: Literal["tool_result"] = "tool_result"
    id: str
    ok: bool
    text: str


class Usage(Model):
    """Tokens (and, where the CLI tells it, dollars) used so far in this Attempt."""

    kind: Literal["usage"] = "usage"
    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0
    cost_usd: Decimal | None = None


class Status(Model):
    """The Task changed its state, or the CLI said where it stands."""

    kind: Literal["status"] = "status"
    state: str
    detail: str = ""


class Raw(Model):
    """A line the adapter does not know, kept as it is."""

    kind: Literal["raw"] = "raw"
    text: str


class Stderr(Model):
    """A line of the CLI's standard error."""

    kind: Literal["stderr"] = "stderr"
    text: str


class Notice(Model):
    """Errand itself has something to say about this run; `code` is stable, `text` is for people."""

    kind: Literal["notice"] = "notice"
    code: str
    text: str


class Result(Model):
    """How the run ended by the CLI's own word."""

    kind: Literal["result"] = "result"
    ok: bool
    text: str
    cost_usd: Decimal | None = None
    turns: int | None = None
    duration_ms: int | None = None


Event = Text | Thinking | ToolCall | ToolResult | Usage | Status | Raw | Stderr | Notice | Result
AnyEvent = Annotated[Event, Field(discriminator="kind")]

#: An Event as stored and sent: its own fields plus `seq`, `attempt` and `at`.
Record = dict[str, Any]
