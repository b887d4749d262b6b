"""The thread of a Reply as it was when it was asked: from the Delivery, and from GitHub."""

from collections.abc import Iterable

from app.db import deliveries
from app.db.engine import Database
from app.domain.reply import KeptReply
from app.domain.trigger import Subject
from app.errors import ErrandError
from app.github.answers import if_there
from app.github.client import Client
from app.github.context import Context, Written, as_of, newest
from app.github.delivery import read_delivery
from app.github.payload import Comment, Issue, Payload, PullRequest, ReviewComment


def context_of(db: Database, client: Client, reply: KeptReply) -> Context:
    """Return all that the Task may know besides its instruction; raises GitHubErrors."""
    trigger = reply.trigger
    number = trigger.thread.number
    about: Issue | PullRequest = _delivered(db, reply) or client.issue(number)
    asked = trigger.target.id if trigger.target and trigger.target.subject is Subject.COMMENT else None
    said = as_of(_written(client.comments(number)), trigger.at, without=asked)
    kept, left_out = newest([one for one in said if one.id != reply.comment_id])
    context = Context(
        title=about.title,
        description=_description(about),
        comments=kept,
        left_out=left_out,
        places=(trigger.place,) if trigger.place else (),
    )
    if not trigger.thread.is_pull_request:
        return context
    lines = _thread(if_there(lambda: client.line_comments(number)), reply) if reply.reply_to else []
    discussion = as_of(_written(lines), trigger.at, without=trigger.target.id if trigger.target else None)
    more = {
        "files": tuple(if_there(lambda: client.files(number))),
        "diff": client.diff(number),
        "discussion": tuple(discussion),
    }
    return context.model_copy(update=more)


def _delivered(db: Database, reply: KeptReply) -> Issue | PullRequest | None:
    """Return the issue or pull request as it was sent: it cannot say anything else by now."""
    payload = _payload(db, reply)
    return (payload.issue or payload.pull_request) if payload else None


def _payload(db: Database, reply: KeptReply) -> Payload | None:
    if reply.delivery_id is None:
        return None
    try:
        row = db.read(deliveries.get, reply.delivery_id)
        body = db.read(deliveries.body, reply.delivery_id)
        name = reply.delivery_id.partition(":")[2]
        found = read_delivery(delivery_id=name, event=row.event, content_type=row.content_type, body=body)
    except ErrandError:  # deleted, as old Deliveries are
        return None
    return found.payload


def _description(about: Issue | PullRequest) -> Written:
    return Written(
        id=about.id,
        author=about.user.login if about.user else "ghost",
        at=about.created_at,
        edited_at=about.updated_at,
        text=about.body or "",
    )


def _thread(comments: Iterable[ReviewComment], reply: KeptReply) -> list[ReviewComment]:
    return [one for one in comments if reply.reply_to in {one.id, one.in_reply_to_id}]


def _written(comments: Iterable[Comment]) -> list[Written]:
    return [
        Written(
            id=one.id,
            author=one.user.login if one.user else "ghost",
            at=one.created_at,
            edited_at=one.updated_at,
            text=one.body or "",
        )
        for one in comments
    ]
