"""Triggers from what people write: issues, pull requests, comments, reviews."""

from typing import Any

from app.domain.trigger import Command, Ignored, Mention, Subject, Target, Trigger, TriggerKind
from app.github.asking import Said, asked, before_edit, unwelcome
from app.github.payload import Opened, Payload, User
from app.github.rules import Rules
from app.github.subjects import (
    account,
    comment_target,
    head,
    issue_thread,
    key,
    place,
    pull_thread,
    sure,
)

#: Stands for the text in the key of a submitted review: its comments and itself ask the same.
SUBMITTED = "submitted"


def issue(payload: Payload, rules: Rules) -> Trigger | Ignored:
    """Read `issues.opened` and `.edited`."""
    found = sure(payload.issue)
    if payload.changes.old_issue is not None:
        reason = "The issue was moved here from another repository; what it asks was asked there."
        return Ignored(code="transferred", reason=reason)
    return _opened(payload, rules, found, "issue", thread=issue_thread(payload, found))


def pull_request(payload: Payload, rules: Rules) -> Trigger | Ignored:
    """Read `pull_request.opened` and `.edited`."""
    found = sure(payload.pull_request)
    thread = pull_thread(payload, found)
    where = {"thread": thread, "head": head(found, thread)}
    return _opened(payload, rules, found, "pull_request", **where)


def comment(payload: Payload, rules: Rules) -> Trigger | Ignored:
    """Read `issue_comment.created` and `.edited`, on issues and pull requests."""
    found, thread = sure(payload.comment), sure(payload.issue)
    said = Said("", found.body or "")
    return _trigger(
        payload,
        _mention(payload, rules, said, found.user),
        thread=issue_thread(payload, thread),
        at=found.updated_at if payload.action == "edited" else found.created_at,
        key=key(payload, "comment", found.id, said.body),
        target=comment_target(found),
    )


def review(payload: Payload, rules: Rules) -> Trigger | Ignored:
    """Read `pull_request_review.submitted` and `.edited`; the review asks together with its comments."""
    found, pull = sure(payload.review), sure(payload.pull_request)
    thread = pull_thread(payload, pull)
    said = Said("", found.body or "")
    edited = payload.action == "edited"
    return _trigger(
        payload,
        _mention(payload, rules, said, found.user),
        kind=TriggerKind.REVIEW,
        thread=thread,
        head=head(pull, thread),
        at=found.submitted_at or pull.updated_at,
        key=key(payload, "review", found.id, said.body if edited else SUBMITTED),
        review_id=found.id,
    )


def review_comment(payload: Payload, rules: Rules) -> Trigger | Ignored:
    """Read `pull_request_review_comment.created` and `.edited`.

    GitHub sends each comment of a review besides the review. All of them have the review's key, so that
    whichever comes first asks for the whole and the others are known; a command is carried out by itself.
    """
    found, pull = sure(payload.review_comment), sure(payload.pull_request)
    said = Said("", found.body or "")
    mention = _mention(payload, rules, said, found.user)
    if isinstance(mention, Ignored):
        return mention
    thread = pull_thread(payload, pull)
    edited = payload.action == "edited"
    review_id = found.pull_request_review_id
    whole = review_id is not None and not edited and mention.command is Command.ASK
    own = key(payload, "review_comment", found.id, said.body)
    return _trigger(
        payload,
        mention,
        kind=TriggerKind.REVIEW if whole else TriggerKind.MENTION,
        thread=thread,
        head=head(pull, thread),
        at=found.updated_at if edited else found.created_at,
        key=key(payload, "review", review_id, SUBMITTED) if whole and review_id is not None else own,
        target=comment_target(found),
        review_id=review_id if whole else None,
        reply_to=found.in_reply_to_id or found.id,
        place=place(found),
    )


def _opened(payload: Payload, rules: Rules, found: Opened, kind: str, **where: Any) -> Trigger | Ignored:
    said = Said(found.title, found.body or "")
    return _trigger(
        payload,
        _mention(payload, rules, said, found.user),
        **where,
        at=found.updated_at if payload.action == "edited" else found.created_at,
        key=key(payload, kind, found.id, *said),
        target=Target(subject=Subject.ISSUE, id=found.number),
    )


def _mention(payload: Payload, rules: Rules, said: Said, author: User | None) -> Mention | Ignored:
    before = None
    if payload.action == "edited":
        before = before_edit(said, payload.changes)
        if before is None:
            return Ignored(code="edit_elsewhere", reason="The edit changed neither title nor text.")
    refused = unwelcome(sure(payload.sender), author, rules)
    mention = asked(said, before, rules)
    # Who did not mention us at all need not be told that bots are not listened to.
    if refused and isinstance(mention, Mention):
        return refused
    return mention


def _trigger(
    payload: Payload, mention: Mention | Ignored, *, kind: TriggerKind = TriggerKind.MENTION, **fields: Any
) -> Trigger | Ignored:
    if isinstance(mention, Ignored):
        return mention
    return Trigger(
        kind=kind,
        command=mention.command,
        agent=mention.agent,
        instruction=mention.instruction,
        author=account(sure(payload.sender)),
        **fields,
    )
