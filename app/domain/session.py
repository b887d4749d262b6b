"""Session: a conversation, Tasks in order, one at a time."""

from decimal import Decimal

from pydantic import AwareDatetime

from app.domain.model import Model
from app.domain.task import SessionId, Task, TaskId
from app.errors import Conflict


class Session(Model):
    """A conversation with one workspace and one `cli_session_id`."""

    id: SessionId
    title: str
    agent: str
    created_at: AwareDatetime
    updated_at: AwareDatetime
    #: The sum of what its Tasks cost, exactly.
    cost_usd: Decimal = Decimal(0)
    cli_session_id: str | None = None
    #: What the CLI has reported for `cli_session_id` so far; the CLI's figure is cumulative over resumes.
    cli_cost_usd: Decimal = Decimal(0)
    task_ids: tuple[TaskId, ...] = ()

    def with_task(self, task: Task) -> "Session":
        """Return this Session with `task` appended; raises Conflict for one twice or of another Session."""
        if task.session_id != self.id:
            raise Conflict("The task belongs to another session.", reason="wrong_session")
        if task.id in self.task_ids:
            raise Conflict("The task is in this session already.", reason="task_twice")
        return self.model_copy(
            update={"task_ids": (*self.task_ids, task.id), "cost_usd": self.cost_usd + task.cost_usd}
        )


def title_from(message: str) -> str:
    """Name a Session after the first line of its first message, at most 80 characters."""
    line = next((line.strip() for line in message.splitlines() if line.strip()), "Untitled")
    return line if len(line) <= 80 else line[:79].rstrip() + "…"
