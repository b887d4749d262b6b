"""Where a Task came from, and what became of its answer there."""

from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, Field

from app.clock import rfc3339
from app.db import replies, webhooks
from app.db.engine import Connection
from app.domain.reply import KeptReply, KeptState
from app.domain.task import TaskId
from app.github import links


class ReplyOut(BaseModel):
    """The one comment that is kept on GitHub."""

    state: KeptState = Field(description="open: it is still changed; finished: it says how it ended.")
    url: str | None = Field(description="null: there is no comment (yet).")
    problem: str | None = Field(description="Why it could not be told, or not all of it.")
    branch: str | None
    pull_url: str | None
    finished_at: AwareDatetime | None


class OriginOut(BaseModel):
    """Who asked from outside."""

    kind: Literal["github", "webhook"]
    name: str = Field(description="owner/name#number, or the webhook's.")
    by: str | None = Field(description="The login on GitHub; null: nobody, such as a failed check.")
    url: str | None
    reply: ReplyOut | None


def origin_of(c: Connection, task_id: TaskId, server: str) -> dict[str, Any] | None:
    """Return who asked for a Task from outside, as OriginOut; None for one that was asked for here."""
    reply = replies.of_task(c, task_id)
    if reply is not None:
        thread = reply.trigger.thread
        place = {"name": f"{thread.repository}#{thread.number}", "url": links.asked_url(server, reply)}
        return {"kind": "github", "by": reply.requester, "reply": reply_json(reply, server), **place}
    webhook = webhooks.of_task(c, task_id)
    if webhook is None:
        return None
    return {"kind": "webhook", "name": webhook, "by": None, "url": None, "reply": None}


def reply_json(reply: KeptReply, server: str) -> dict[str, Any]:
    """Return the Reply as ReplyOut."""
    return {
        "state": reply.state,
        "url": links.answer_url(server, reply),
        "problem": reply.problem,
        "branch": reply.branch,
        "pull_url": links.pull_url(server, reply),
        "finished_at": reply.finished_at and rfc3339(reply.finished_at),
    }
