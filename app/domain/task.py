"""Task and Attempt, their states, and the one table of allowed transitions."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import NewType

from pydantic import AwareDatetime, Field

from app.domain.model import Model
from app.domain.reason import Reason
from app.errors import Conflict

TaskId = NewType("TaskId", str)
SessionId = NewType("SessionId", str)


class TaskState(StrEnum):
    """Where a Task stands."""

    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def final(self) -> bool:
        """Whether nothing more happens by itself."""
        return self in FINAL


class AttemptState(StrEnum):
    """How one run of a Task stands or ended."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"
    LOST = "lost"


class Hold(StrEnum):
    """Why a queued Task waits although a worker may be free."""

    SESSION_BUSY = "session_busy"
    CREDENTIAL_EXPIRED = "credential_expired"
    USAGE_LIMIT = "usage_limit"
    BUDGET = "budget"


FINAL = frozenset({TaskState.COMPLETED, TaskState.FAILED, TaskState.CANCELLED})

#: From each state, where a Task may go. final -> queued is a retry asked for by a person.
TRANSITIONS: dict[TaskState, frozenset[TaskState]] = {
    TaskState.QUEUED: frozenset({TaskState.RUNNING, TaskState.CANCELLED, TaskState.FAILED}),
    TaskState.RUNNING: frozenset({TaskState.QUEUED, *FINAL}),
    TaskState.COMPLETED: frozenset({TaskState.QUEUED}),
    TaskState.FAILED: frozenset({TaskState.QUEUED}),
    TaskState.CANCELLED: frozenset({TaskState.QUEUED}),
}

#: Ends that do not count against max_attempts: nobody did anything wrong.
UNCOUNTED = frozenset({AttemptState.SUCCEEDED, AttemptState.CANCELLED, AttemptState.INTERRUPTED})


class IllegalTransition(Conflict):
    """A Task cannot go from one of these states to the other."""

    reason = "illegal_transition"


class Tokens(Model):
    """Tokens as the model provider counts them."""

    input: int = Field(0, ge=0)
    output: int = Field(0, ge=0)
    cache_read: int = Field(0, ge=0)
    cache_write: int = Field(0, ge=0)

    def __add__(self, other: "Tokens") -> "Tokens":
        return Tokens(
            input=self.input + other.input,
            output=self.output + other.output,
            cache_read=self.cache_read + other.cache_read,
            cache_write=self.cache_write + other.cache_write,
        )


class Attempt(Model):
    """One run of a Task on one Machine; its number is the fencing token of every write."""

    number: int = Field(ge=1)
    state: AttemptState
    reason: Reason | None = None
    detail: str = ""
    machine: str
    started_at: AwareDatetime
    finished_at: AwareDatetime | None = None
    exit_code: int | None = None
    #: The level it ran at; "none" before its CLI was started.
    sandbox: str = "none"
    cost_usd: Decimal = Decimal(0)
    tokens: Tokens = Tokens()
    #: How often its Lease was renewed, and when last.
    renewals: int = Field(0, ge=0)
    renewed_at: AwareDatetime | None = None


class Task(Model):
    """What somebody asked for, and where it stands."""

    id: TaskId
    session_id: SessionId
    #: Place in its Session, from 1: Tasks of a Session run in this order, one at a time.
    position: int = Field(ge=1)
    agent: str
    cli: str
    message: str
    state: TaskState = TaskState.QUEUED
    reason: Reason | None = None
    detail: str = ""
    attention: Reason | None = None
    hold: Hold | None = None
    not_before: AwareDatetime | None = None
    created_at: AwareDatetime
    started_at: AwareDatetime | None = None
    finished_at: AwareDatetime | None = None
    cost_usd: Decimal = Decimal(0)
    tokens: Tokens = Tokens()
    result: str | None = None
    last_seq: int = Field(0, ge=0)
    #: That of its newest Attempt.
    sandbox: str = "none"
    #: Its text is a stranger's, so that it needs ERRAND_SANDBOX_FLOOR.
    from_outside: bool = False
    #: Its workspace's own instructions were let in (trust_workspace).
    workspace_trusted: bool = False
    #: Number of the newest Attempt; 0 before the first.
    attempt: int = Field(0, ge=0)
    #: Attempts that ended in a way that counts against `max_attempts`.
    failures: int = Field(0, ge=0)
    max_attempts: int = Field(3, ge=1)
    cancel_requested: bool = False

    def to(self, state: TaskState, *, at: datetime) -> "Task":
        """Return this Task moved to `state`, times kept; raises IllegalTransition where the table says no."""
        if state not in TRANSITIONS[self.state]:
            raise IllegalTransition(f"A task that is {self.state} cannot become {state}.")
        times: dict[str, object] = {}
        if state is TaskState.RUNNING:
            times = {
                "started_at": self.started_at or at,
                "finished_at": None,
                "not_before": None,
                "hold": None,
            }
        elif state is TaskState.QUEUED:
            # Asked for again by a person it starts anew; given back by a worker it goes on.
            times = {"finished_at": None, "started_at": None if self.state.final else self.started_at}
        else:
            times = {"finished_at": max(at, self.started_at or at), "not_before": None, "hold": None}
        return self.model_copy(update={"state": state, **times})

    def duration_s(self, now: datetime) -> float | None:
        """Seconds from the first start to the end (or to `now`); None before it started; never negative."""
        if self.started_at is None:
            return None
        return max(0.0, ((self.finished_at or now) - self.started_at).total_seconds())
