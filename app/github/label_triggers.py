"""Triggers without words: a label, an assignment."""

import re

from app.domain.agent import NAME_PATTERN
from app.domain.trigger import Head, Ignored, Subject, Target, Thread, Trigger, TriggerKind
from app.github.asking import unwelcome
from app.github.payload import Issue, Payload, PullRequest
from app.github.rules import Rules
from app.github.subjects import account, head, issue_thread, key, pull_thread, sure


def labeled(payload: Payload, rules: Rules) -> Trigger | Ignored:
    """Read `issues.labeled` and `pull_request.labeled`: `agent`, or `agent:NAME`."""
    name = payload.label.name if payload.label else ""
    word, colon, agent = name.casefold().partition(":")
    if word.strip() != rules.label:
        return Ignored(code="other_label", reason=f"The label `{name}` is not `{rules.label}`.")
    if not rules.labels:
        return Ignored(code="labels_off", reason="Asking by a label is switched off.")
    if colon and not re.fullmatch(NAME_PATTERN, agent.strip()):
        return Ignored(code="bad_label", reason=f"`{name}` does not name an agent behind its colon.")
    trigger = _trigger(payload, rules, TriggerKind.LABEL, name)
    if isinstance(trigger, Ignored):
        return trigger
    return trigger.model_copy(update={"agent": agent.strip() or None, "label": name})


def assigned(payload: Payload, rules: Rules) -> Trigger | Ignored:
    """Read `issues.assigned` and `pull_request.assigned`: to our own account."""
    if payload.assignee is None or not rules.is_own(payload.assignee):
        return Ignored(code="other_assignee", reason="It was assigned to somebody else.")
    if not rules.assignment:
        return Ignored(code="assignment_off", reason="Asking by assignment is switched off.")
    return _trigger(payload, rules, TriggerKind.ASSIGNMENT, payload.assignee.login)


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
        return pull, pull_thread(payload, pull), head(pull)
    issue = sure(payload.issue)
    return issue, issue_thread(payload, issue), None
