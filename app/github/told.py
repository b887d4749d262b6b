"""What a Reply's comment says now, out of the rows."""

from datetime import datetime

from pydantic import AnyHttpUrl

from app.domain.reason import sentence
from app.domain.reply import KeptReply
from app.domain.task import Task, TaskState
from app.github.plan import Step
from app.github.publish import Published
from app.github.reply import Changes, Reply, ReplyState

_STATES = {
    TaskState.QUEUED: ReplyState.QUEUED,
    TaskState.RUNNING: ReplyState.RUNNING,
    TaskState.COMPLETED: ReplyState.ANSWERED,
    TaskState.FAILED: ReplyState.FAILED,
    TaskState.CANCELLED: ReplyState.CANCELLED,
}


def told(
    kept: KeptReply,
    task: Task,
    *,
    now: datetime,
    plan: tuple[Step, ...] = (),
    ahead: int = 0,
    link: str | None = None,
) -> Reply:
    """Return what is to be shown: the same for a while, so that it is not edited for nothing."""
    state = _STATES[task.state]
    published = Published.model_validate(kept.result) if kept.result else None
    if published is not None and (published.attempt != task.attempt or state is not ReplyState.ANSWERED):
        published = None
    failed = state in {ReplyState.FAILED, ReplyState.CANCELLED}
    return Reply(
        id=kept.id,
        state=state,
        agent=task.agent,
        link=AnyHttpUrl(link) if link else None,
        ahead=ahead,
        waits_for=task.detail if task.hold or task.not_before else "",
        plan=plan,
        elapsed_s=_coarse(task.duration_s(now) or 0.0, final=task.state.final),
        cost=f"${task.cost_usd:.2f}" if task.state.final and task.cost_usd else "",
        answer=task.result or "",
        changes=_changes(published),
        problem=task.detail if failed else "",
        attention=_attention(task, published),
    )


def _coarse(seconds: float, *, final: bool) -> float:
    """Return a duration that changes rarely while it grows."""
    step = 1 if final else 10 if seconds < 60 else 60
    return seconds // step * step


def _changes(published: Published | None) -> Changes | None:
    if published is None or published.branch is None:
        return None
    return Changes(
        branch=published.branch,
        commits=published.commits,
        pull_request=published.pull_number,
        is_new=published.is_new,
    )


def _attention(task: Task, published: Published | None) -> str:
    said = sentence(task.attention, cli=task.cli, detail=task.detail) if task.attention else ""
    if task.attention and task.detail:
        said = task.detail
    return " ".join(part for part in (said, published.note if published else "") if part)
