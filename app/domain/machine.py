"""Machine: a worker host that reports itself, so that a page can say what runs where and who is gone."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import AwareDatetime, Field, StringConstraints

from app.domain.model import Model

#: A short line of text: no control characters, so it can stand in a log or a page as it is.
Line = Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=r"^[^\x00-\x1f\x7f]+$")]


class Role(StrEnum):
    """Which queue a Machine's worker serves."""

    WORKER = "worker"
    CONTROL = "control"


class FoundCli(Model):
    """A CLI as a Machine sees it: where it is, which version, or what is wrong with it."""

    path: str | None = None
    version: str | None = None
    problem: str | None = None
    #: The level of the sandbox that `auto` gives it there, and why that is not a higher one.
    sandbox: str | None = None
    sandbox_note: str | None = None

    @property
    def usable(self) -> bool:
        """Whether a Task for it can run on that Machine."""
        return self.path is not None and self.problem is None


class MachineConfig(Model):
    """What a worker host says of itself when it starts."""

    id: Line
    name: Line
    role: Role = Role.WORKER
    #: CLIs it runs at once; control runs none.
    capacity: int = Field(ge=0, le=10_000)
    #: By the CLI's name.
    clis: dict[Line, FoundCli] = Field(default_factory=dict)
    #: Errand's own version there.
    version: str = Field("", max_length=255)


class Machine(MachineConfig):
    """A worker host and when it was last heard of."""

    #: CLIs it runs now; may exceed `capacity` for a moment, after a restart with a lower one.
    running: int = Field(0, ge=0)
    started_at: AwareDatetime
    seen_at: AwareDatetime
    #: Looks at all Leases that it could finish, since its start, and when it last reported a new one.
    sweeps: int = Field(0, ge=0)
    swept_at: AwareDatetime | None = None
    #: Set when it said goodbye; a Machine that died only stops being seen.
    stopped_at: AwareDatetime | None = None

    def alive(self, now: datetime, *, within: timedelta = timedelta(seconds=30)) -> bool:
        """Whether it was heard of in the last `within` and has not said goodbye."""
        return self.stopped_at is None and now - self.seen_at <= within

    @property
    def free(self) -> int:
        """How many more CLIs it could start; never negative."""
        return max(0, self.capacity - self.running)
