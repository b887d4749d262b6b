"""The contract's shapes as pydantic models: requests are checked with them, answers documented by them."""

from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from app.domain.access import UserRole
from app.domain.agent import NAME_PATTERN
from app.domain.machine import Role
from app.domain.reason import Reason
from app.domain.task import AttemptState, Hold, TaskState
from app.web.origin import OriginOut

#: What fits a BIGINT column.
LARGEST = 2**63 - 1


def _at_most(limit: int) -> BeforeValidator:
    """Take more than `limit` as `limit`."""

    def clamp(value: object) -> object:
        digits = value.strip() if isinstance(value, str) else ""
        return limit if digits.isascii() and digits.isdigit() and int(digits[:20]) > limit else value

    return BeforeValidator(clamp)


PageSize = Annotated[int, Field(ge=1, description="At most 200; more is taken as 200."), _at_most(200)]
EventsSize = Annotated[int, Field(ge=1, description="At most 1000; more is taken as 1000."), _at_most(1000)]
Cursor = Annotated[str | None, Field(description="`next_cursor` of the page before.")]


class Problem(BaseModel):
    """RFC 9457, with a stable `reason` next to the sentence for people."""

    type: str
    title: str
    status: int
    detail: str
    reason: str


class SignIn(BaseModel):
    """A token (that bin/up prints, ERRAND_ADMIN_TOKEN, a sign-in link's), or a login with its password."""

    token: str | None = Field(None, min_length=1, max_length=1000)
    login: str | None = Field(None, min_length=1, max_length=64)
    password: str | None = Field(None, min_length=1, max_length=1024)
    next: str | None = Field(None, description="A path of this server to go on to.")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.token is None) != (self.login is not None and self.password is not None):
            raise ValueError("send either token, or login and password")
        return self


class SignedIn(BaseModel):
    """Who came in, and where to go on."""

    name: str
    role: UserRole
    next: str


class ChatHeaders(BaseModel):
    """The headers of POST /api/chat that matter."""

    idempotency_key: str | None = Field(
        None,
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        pattern=r"^[\x20-\x7e]+$",
        description="The same key with the same body makes one task, however often it is sent.",
    )


class ChatRequest(BaseModel):
    """What an agent is asked to do."""

    # What the schemas below add to the types is checked in the view, which has better sentences.
    message: str = Field(
        min_length=1,
        description="Text, up to 1 MB as UTF-8 (ERRAND_MESSAGE_LIMIT), without NUL.",
        json_schema_extra={"pattern": r"^[^\u0000]*[^\s\u0000][^\u0000]*$"},
    )
    agent: Annotated[str, Field(json_schema_extra={"pattern": f"^{NAME_PATTERN}$"})] | None = Field(
        None, description="Without one the session's, else `brain`, which also stands in for an unknown one."
    )
    session_id: Annotated[str, Field(json_schema_extra={"format": "uuid"})] | None = Field(
        None, description="Continue this conversation; without it a new one begins."
    )


class Accepted(BaseModel):
    """A task was stored and will run."""

    task_id: UUID
    session_id: UUID
    state: TaskState
    ws: str = Field(description="Path of the WebSocket that shows it live.")


class TokensOut(BaseModel):
    """Tokens as the model provider counts them."""

    input: int
    output: int
    cache_read: int
    cache_write: int


class LeaseOut(BaseModel):
    """How an attempt's worker showed that it was there."""

    renewals: int
    renewed_at: AwareDatetime | None


class AttemptOut(BaseModel):
    """One run of a task on one machine."""

    number: int
    state: AttemptState
    reason: Reason | None
    detail: str
    machine: str
    started_at: AwareDatetime
    finished_at: AwareDatetime | None
    exit_code: int | None
    sandbox: str = Field(
        description="The level it ran at: level-0, level-1 or level-2; none before it began."
    )
    cost_usd: float
    tokens: TokensOut
    lease: LeaseOut


class TaskOut(BaseModel):
    """A task, as it stands."""

    id: UUID
    session_id: UUID
    position: int = Field(description="Place in its session, from 1.")
    agent: str
    cli: str
    message: str
    state: TaskState
    reason: Reason | None
    detail: str = Field(description="The sentence that goes with the reason.")
    attention: Reason | None = Field(description="Completed, but look at it: why.")
    hold: Hold | None = Field(description="Queued, but waiting for something: for what.")
    not_before: AwareDatetime | None
    created_at: AwareDatetime
    started_at: AwareDatetime | None
    finished_at: AwareDatetime | None
    duration_s: float | None
    cost_usd: float
    tokens: TokensOut
    result: str | None
    last_seq: int
    sandbox: str = Field(description="That of its newest attempt.")
    from_outside: bool = Field(description="Its text is a stranger's, so it needs ERRAND_SANDBOX_FLOOR.")
    workspace_trusted: bool = Field(description="Its workspace's own instructions were let in.")
    cancel_requested: bool
    max_attempts: int
    attempts: list[AttemptOut]


class IgnoredOut(BaseModel):
    """Doorbells for a task that were ignored, and why: it runs once however often it is rung for."""

    why: str
    count: int
    first_at: AwareDatetime
    last_at: AwareDatetime


class TaskWithLedger(TaskOut):
    """A task with all that is known of how it was run."""

    ignored: list[IgnoredOut]
    origin: OriginOut | None = Field(description="Who asked from outside; null: it was asked for here.")


class TaskPage(BaseModel):
    """Tasks, newest first."""

    items: list[TaskOut]
    next_cursor: str | None


class TaskPath(BaseModel):
    """Which task."""

    task_id: UUID


class TasksQuery(BaseModel):
    """Which tasks."""

    state: TaskState | None = None
    session_id: UUID | None = None
    agent: Annotated[str | None, Field(pattern=rf"^{NAME_PATTERN}$")] = None
    limit: PageSize = 50
    cursor: Cursor = None


class EventsQuery(BaseModel):
    """From where on, and how many."""

    after: int = Field(0, ge=0, le=LARGEST, description="Events with a larger seq.")
    limit: EventsSize = 200


class EventOut(BaseModel):
    """One item of a run's output; what else it has depends on `kind`."""

    model_config = ConfigDict(extra="allow")

    seq: int
    attempt: int
    at: AwareDatetime
    kind: str


class EventPage(BaseModel):
    """Events in order, without a hole; fewer than asked for when they are large."""

    events: list[EventOut]
    last_seq: int = Field(description="The task's newest, not the page's.")
    state: TaskState


class OutputQuery(BaseModel):
    """Whose output."""

    attempt: Annotated[int | None, Field(ge=1, le=2**31 - 1)] = None


class SessionPath(BaseModel):
    """Which session."""

    session_id: UUID


class PageQuery(BaseModel):
    """Which page."""

    limit: PageSize = 50
    cursor: Cursor = None


class SessionOut(BaseModel):
    """A conversation."""

    id: UUID
    title: str
    agent: str
    created_at: AwareDatetime
    updated_at: AwareDatetime
    cost_usd: float = Field(description="The sum over its tasks.")
    cli_session_id: str | None


class SessionWithTasks(SessionOut):
    """A conversation and its tasks in order."""

    tasks: list[TaskOut]
    earlier_tasks: bool = Field(description="Whether there are earlier ones: /api/tasks?session_id= has all.")


class SessionPage(BaseModel):
    """Conversations, last used first."""

    items: list[SessionOut]
    next_cursor: str | None


class ProblemFound(BaseModel):
    """Something in agents/ a person has to mend."""

    agent: str
    file: str
    line: int | None
    message: str
    level: Literal["error", "warning"]


class AgentOut(BaseModel):
    """An agent, and whether it can run."""

    name: str
    usable: bool = Field(description="Its files are in order.")
    ready: bool = Field(description="Usable, and a machine that is alive has its CLI.")
    description: str
    cli: str | None
    model: str | None
    sandbox: str | None
    machines: list[str] = Field(description="Names of the machines that can run it now.")
    problem: ProblemFound | None


class AgentList(BaseModel):
    """What can run."""

    items: list[AgentOut]
    problems: list[ProblemFound]


class FoundCliOut(BaseModel):
    """A CLI as a machine sees it."""

    path: str | None
    version: str | None
    problem: str | None
    sandbox: str | None = Field(description="The level that an agent with sandbox = auto runs it at there.")
    sandbox_note: str | None = Field(description="Why that is not a higher one, and what to do.")


class MachineOut(BaseModel):
    """A worker host."""

    id: str
    name: str
    role: Role
    alive: bool
    capacity: int
    running: int
    free: int
    clis: dict[str, FoundCliOut]
    version: str
    started_at: AwareDatetime
    seen_at: AwareDatetime
    stopped_at: AwareDatetime | None


class MachineList(BaseModel):
    """Where it can run: alive or seen lately."""

    items: list[MachineOut]


class MachineCounts(BaseModel):
    """The workers that are alive, added up, and the control processes beside them."""

    alive: int
    capacity: int
    running: int
    control: int
    watching: bool = Field(description="Whether a control process watches over leases and doorbells.")


UpOrDown = Literal["up", "down"]


class StatusOut(BaseModel):
    """How the whole stands; what the database would have to tell is null while it is down."""

    tasks: dict[TaskState, int] | None
    queue_length: int | None
    machines: MachineCounts | None
    redis: UpOrDown
    database: UpOrDown
    problems: list[str] = Field(description="What is wrong now, a sentence each with what to do.")


class Alive(BaseModel):
    """This process answers."""

    status: Literal["ok"]


class Ready(BaseModel):
    """The database can be used; what else is missing is named."""

    degraded: list[Literal["redis", "worker", "control"]]
