"""Attempts of many Tasks at once, for pages of them."""

from collections.abc import Sequence

from sqlalchemy import Connection, select

from app.db.rows import attempts
from app.domain.task import Attempt, TaskId, Tokens

_PLAIN = [name for name in Attempt.model_fields if name != "tokens"]


def by_task(c: Connection, task_ids: Sequence[TaskId]) -> dict[TaskId, list[Attempt]]:
    """Return each Task's Attempts, oldest first; an empty list where there are none."""
    found: dict[TaskId, list[Attempt]] = {task_id: [] for task_id in task_ids}
    query = select(attempts).where(attempts.c.task_id.in_(task_ids))
    for row in c.execute(query.order_by(attempts.c.task_id, attempts.c.number)):
        tokens = Tokens(**{name: getattr(row, f"tokens_{name}") for name in Tokens.model_fields})
        found[row.task_id].append(Attempt(**{name: getattr(row, name) for name in _PLAIN}, tokens=tokens))
    return found
