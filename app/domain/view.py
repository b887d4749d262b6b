"""Tasks, Attempts and Sessions as the API shows them: one rendering for REST and WebSocket."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from app.clock import rfc3339, utcnow
from app.domain.session import Session
from app.domain.task import Attempt, Task


def _time(at: datetime | None) -> str | None:
    return None if at is None else rfc3339(at)


def attempt_json(attempt: Attempt) -> dict[str, Any]:
    """Return the Attempt as in the API contract."""
    return {
        "number": attempt.number,
        "state": attempt.state,
        "reason": attempt.reason,
        "detail": attempt.detail,
        "machine": attempt.machine,
        "started_at": _time(attempt.started_at),
        "finished_at": _time(attempt.finished_at),
        "exit_code": attempt.exit_code,
        "sandbox": attempt.sandbox,
        "cost_usd": float(attempt.cost_usd),
        "tokens": attempt.tokens.model_dump(),
        "lease": {"renewals": attempt.renewals, "renewed_at": _time(attempt.renewed_at)},
    }


def task_json(task: Task, attempts: Sequence[Attempt]) -> dict[str, Any]:
    """Return the Task as in the API contract; a running one's duration is up to now."""
    return {
        "id": task.id,
        "session_id": task.session_id,
        "position": task.position,
        "agent": task.agent,
        "cli": task.cli,
        "message": task.message,
        "state": task.state,
        "reason": task.reason,
        "detail": task.detail,
        "attention": task.attention,
        "hold": task.hold,
        "not_before": _time(task.not_before),
        "created_at": _time(task.created_at),
        "started_at": _time(task.started_at),
        "finished_at": _time(task.finished_at),
        "duration_s": task.duration_s(utcnow()),
        "cost_usd": float(task.cost_usd),
        "tokens": task.tokens.model_dump(),
        "result": task.result,
        "last_seq": task.last_seq,
        "sandbox": task.sandbox,
        "from_outside": task.from_outside,
        "workspace_trusted": task.workspace_trusted,
        "cancel_requested": task.cancel_requested,
        "max_attempts": task.max_attempts,
        "attempts": [attempt_json(attempt) for attempt in attempts],
    }


def session_json(session: Session) -> dict[str, Any]:
    """Return the Session as in the API contract, without its Tasks."""
    return {
        "id": session.id,
        "title": session.title,
        "agent": session.agent,
        "created_at": _time(session.created_at),
        "updated_at": _time(session.updated_at),
        "cost_usd": float(session.cost_usd),
        "cli_session_id": session.cli_session_id,
    }
