"""Triggers without words: a label, an assignment; and a label that was set together with words."""

import re
from datetime import timedelta
from typing import NamedTuple

from app.domain.agent import NAME_PATTERN
from app.domain.trigger import Command, Head, Ignored, Subject, Target, Thread, Trigger, TriggerKind
from app.github import text_triggers
from app.github.asking import unwelcome
from app.github.payload import Issue, Payload, PullRequest
from app.github.rules import Rules
from app.github.subjects import account, head, issue_thread, key, pull_thread, sure

#: A label that is set this soon after the opening was chosen with it; GitHub sends both.
_AT_ONCE = timedelta(seconds=10)


class _Asking(NamedTuple):
    name: str
    agent: str | None


def opened(payload: Payload, rules: Rules) -> Trigger | Ignored:
    """Read `issues.opened` and `pull_request.opened`; a label that asks too belongs to the text."""
    read = text_triggers.issue if payload.pull_request is None else text_triggers.pull_request
    trigger = read(payload, rules)
    if isinstance(trigger, Ignored) or trigger.command is not Command.ASK:
        return trigger
    labels = (_label(name, rules) for name in _subject(payload)[0].label_names)
    return next((_with(trigger, one) for one in labels if isinstance(one, _Asking)), trigger)


def labeled(payload: Payload, rules: Rules) -> Trigger | Ignored:
    """Read `issues.labeled` and `pull_request.labeled`: `agent`, or `agent:NAME`.

    One that was set while opening what asks in words is the same question, whichever comes first.
    """
    label = _label(payload.label.name if payload.label else "", rules)
    if isinstance(label, Ignored):
        return label
    found = _subject(payload)[0]
    if found.updated_at - found.created_at <= _AT_ONCE:
        words = opened(payload, rules)
        if isinstance(words, Trigger) and words.command is Command.ASK:
            return _with(words, label)
    trigger = _trigger(payload, rules, TriggerKind.LABEL, label.name)
    return trigger if isinstance(trigger, Ignored) else _with(trigger, label)


def assigned(payload: Payload, rules: Rules) -> Trigger | Ignored:
    """Read `issues.assigned` and `pull_request.assigned`: to our own account."""
    if payload.assignee is None or not rules.is_own(payload.assignee):
        return Ignored(code="other_assignee", reason="It was assigned to somebody else.")
    if not rules.assignment:
        return Ignored(code="assignment_off", reason="Asking by assignment is switched off.")
    return _trigger(payload, rules, TriggerKind.ASSIGNMENT, payload.assignee.login)


def _with(trigger: Trigger, label: _Asking) -> Trigger:
    return trigger.model_copy(update={"agent": trigger.agent or label.agent, "label": label.name})


def _label(name: str, rules: Rules) -> _Asking | Ignored:
    word, colon, agent = name.casefold().partition(":")
    if word.strip() != rules.label:
        return Ignored(code="other_label", reason=f"The label `{name}` is not `{rules.label}`.")
    if not rules.labels:
        return Ignored(code="labels_off", reason="Asking by a label is switched off.")
    if colon and not re.fullmatch(NAME_PATTERN, agent.strip()):
        return Ignored(code="bad_label", reason=f"`{name}` does not name an agent behind its colon.")
    return _Asking(name, agent.strip() or None)


def _trigger(payload: Payload, rules: Rules, kind: TriggerKind, what: str) -> Trigger | Ignored:
    """Make the Trigger; its time is a part of its key, so that the same label can ask again later."""
    found, thread, offered = _subject(payload)
    # Whoever sets a label need not have written the issue.
    sender = sure(payload.sender)
    refused = unwelcome(sender, sender, rules)
    return refused or Trigger(
        kind=kind,
        author=account(sender),
        thread=thread,
        head=offered,
        at=found.updated_at,
        key=key(payload, str(kind), found.id, what, found.updated_at.isoformat()),
        target=Target(subject=Subject.ISSUE, id=found.number),
    )


def _subject(payload: Payload) -> tuple[Issue | PullRequest, Thread, Head | None]:
    if payload.pull_request is not None:
        pull = payload.pull_request
        thread = pull_thread(payload, pull)
        return pull, thread, head(pull, thread)
    issue = sure(payload.issue)
    return issue, issue_thread(payload, issue), None
