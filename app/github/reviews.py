"""A submitted review is one question: its own text and all its comments together."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from app.domain.trigger import Command, Mention, Place, Trigger
from app.github.mention import find_mention
from app.github.payload import Review, ReviewComment
from app.github.rules import Rules
from app.github.subjects import comment_target, place


class _Part(NamedTuple):
    place: Place | None
    text: str
    mention: Mention | None


def whole_review(
    trigger: Trigger, review: Review, comments: Iterable[ReviewComment], rules: Rules
) -> Trigger:
    """Return `trigger` with all that the review says, as the API gave it at the time of the work.

    Only the words of the one who asked count, and only as they were when the review was submitted:
    comments that were edited since are left out. What came in the Delivery itself, the review's own text
    or one comment, keeps the words that were signed. A review of one comment is answered where that
    comment stands.
    """
    at = review.submitted_at or trigger.at
    own = sorted(_asked(trigger, comments, max(at, trigger.at)), key=lambda comment: comment.id)
    about = _about(trigger, review, rules)
    parts = [about] if about else []
    parts += [_part(place(comment), _text(trigger, comment), rules) for comment in own]
    if not parts:
        return trigger
    agent = next((part.mention.agent for part in parts if part.mention and part.mention.agent), None)
    whole = trigger.model_copy(
        update={
            "instruction": _instruction(parts),
            "agent": trigger.agent or agent,
            "at": max(at, trigger.at),
        }
    )
    return _answered_at(whole, None if about else own)


def _about(trigger: Trigger, review: Review, rules: Rules) -> _Part | None:
    """Return the review's own text, or None where it has none."""
    if trigger.target is None:
        # The review itself asked: these words were signed, and are without their mention already.
        return _Part(None, trigger.instruction, None)
    body = (review.body or "").strip()
    return _part(None, body, rules) if body else None


def _asked(trigger: Trigger, comments: Iterable[ReviewComment], at: datetime) -> Iterable[ReviewComment]:
    author = trigger.author.id if trigger.author else None
    for comment in comments:
        is_signed = trigger.target is not None and trigger.target.id == comment.id
        if is_signed or (comment.user and comment.user.id == author and not _edited_after(comment, at)):
            yield comment


def _edited_after(comment: ReviewComment, at: datetime) -> bool:
    return comment.updated_at > at


def _text(trigger: Trigger, comment: ReviewComment) -> str:
    if trigger.target is not None and trigger.target.id == comment.id:
        return trigger.instruction
    return (comment.body or "").strip()


def _part(where: Place | None, text: str, rules: Rules) -> _Part:
    return _Part(where, text, find_mention(text, word=rules.word, agents=rules.agents))


def _instruction(parts: Sequence[_Part]) -> str:
    if len(parts) == 1:
        return _own_text(parts[0])
    return "\n\n".join(f"{_heading(part.place)}{_own_text(part)}" for part in parts)


def _own_text(part: _Part) -> str:
    if part.mention is None or part.mention.command is not Command.ASK:
        return part.text
    return part.mention.instruction


def _heading(where: Place | None) -> str:
    if where is None:
        return ""
    return f"In `{where.path}`, line {where.line}:\n" if where.line else f"In `{where.path}`:\n"


def _answered_at(trigger: Trigger, comments: Sequence[ReviewComment] | None) -> Trigger:
    if comments is None or len(comments) != 1:
        return trigger.model_copy(update={"reply_to": None, "place": None, "target": None})
    only = comments[0]
    return trigger.model_copy(
        update={
            "reply_to": only.in_reply_to_id or only.id,
            "place": place(only),
            "target": comment_target(only),
        }
    )
