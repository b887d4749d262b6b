"""What the gate has to know besides rows: asked from GitHub at the time, for nothing that came is proof."""

from typing import NamedTuple

from app.domain.gate import Facts, Permission
from app.domain.trigger import Command, Head, Trigger, TriggerKind
from app.github.answers import if_there
from app.github.api_errors import NotThere
from app.github.client import Client
from app.github.delivery import Delivery
from app.github.payload import Review, ReviewComment
from app.github.reviews import whole_review
from app.github.rules import Rules
from app.github.subjects import head


class Asker(NamedTuple):
    """On whose account a Task is."""

    id: int
    login: str


class Asked(NamedTuple):
    """A Trigger with all that belongs to it, and the facts; `facts.counts` are still to be added."""

    trigger: Trigger
    facts: Facts
    asker: Asker | None


def ask(
    client: Client, delivery: Delivery, trigger: Trigger, rules: Rules, *, for_branch: Asker | None
) -> Asked:
    """Ask GitHub; raises GitHubErrors, upon which nobody is let in.

    `for_branch` is who asked for the branch that a failed check is of.
    """
    asker = Asker(trigger.author.id, trigger.author.login) if trigger.author else for_branch
    permission = client.permission(asker.login) if asker else Permission.NONE
    whole = _with_head(client, trigger)
    if whole.kind is TriggerKind.REVIEW and whole.command is Command.ASK:
        whole = _with_review(client, whole, rules)
    facts = Facts(
        permission=permission,
        is_fork=_is_fork(whole),
        is_archived=_archived(delivery),
        is_locked=_locked(delivery),
    )
    return Asked(whole, facts, asker)


def _with_head(client: Client, trigger: Trigger) -> Trigger:
    if not trigger.thread.is_pull_request or trigger.head is not None:
        return trigger
    offered: Head = head(client.pull(trigger.thread.number), trigger.thread)
    return trigger.model_copy(update={"head": offered})


def _with_review(client: Client, trigger: Trigger, rules: Rules) -> Trigger:
    number, review_id = trigger.thread.number, trigger.review_id
    if review_id is None:
        return trigger
    try:
        review = client.review(number, review_id)
    except NotThere:
        # What was signed is asked all the same.
        review = Review(id=review_id)
    return whole_review(trigger, review, _comments(client, number, review_id), rules)


def _comments(client: Client, number: int, review_id: int) -> list[ReviewComment]:
    """Return the comments of a review: from where GitHub tells their lines, else from where it does not."""
    found = if_there(lambda: client.line_comments(number))
    own = [one for one in found if one.pull_request_review_id == review_id]
    return own or if_there(lambda: client.review_comments(number, review_id))


def _is_fork(trigger: Trigger) -> bool | None:
    if not trigger.thread.is_pull_request:
        return False
    return trigger.head is None or trigger.head.repository_id != trigger.thread.repository_id


def _archived(delivery: Delivery) -> bool:
    repository = delivery.payload.repository if delivery.payload else None
    return repository is not None and repository.archived


def _locked(delivery: Delivery) -> bool:
    payload = delivery.payload
    threads = (payload.issue, payload.pull_request) if payload else ()
    return any(thread is not None and thread.locked for thread in threads)
