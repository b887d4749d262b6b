"""Triggers from a check that failed on a branch that Errand made."""

from datetime import datetime

from app.domain.trigger import Head, Ignored, Thread, Trigger, TriggerKind
from app.github.payload import Check, Payload
from app.github.rules import Rules
from app.github.subjects import key, repository_of, sure

_FAILED = frozenset({"failure", "timed_out"})


def check_run(payload: Payload, rules: Rules) -> Trigger | Ignored:
    """Read `check_run.completed`."""
    return _read(payload, sure(payload.check_run), rules)


def check_suite(payload: Payload, rules: Rules) -> Trigger | Ignored:
    """Read `check_suite.completed`."""
    return _read(payload, sure(payload.check_suite), rules)


def workflow_run(payload: Payload, rules: Rules) -> Trigger | Ignored:
    """Read `workflow_run.completed`."""
    return _read(payload, sure(payload.workflow_run), rules)


def _read(payload: Payload, check: Check, rules: Rules) -> Trigger | Ignored:
    branch = check.head_branch or (check.check_suite.head_branch if check.check_suite else None) or ""
    at = check.completed_at or check.updated_at
    refused = _refused(payload, check, branch, rules)
    if refused:
        return refused
    if at is None:
        return Ignored(code="check_without_time", reason="The check does not say when it ended.")
    if not check.pull_requests:
        return Ignored(code="no_pull_request", reason=f"`{branch}` has no open pull request.")
    return _trigger(payload, check, branch, at)


def _refused(payload: Payload, check: Check, branch: str, rules: Rules) -> Ignored | None:
    if check.conclusion not in _FAILED:
        return Ignored(code="check_not_failed", reason="The check did not fail.")
    if not branch.startswith(rules.branch_prefix):
        return Ignored(code="other_branch", reason=f"The check is not of a branch `{rules.branch_prefix}…`.")
    if check.head_repository and check.head_repository.id != repository_of(payload).id:
        return Ignored(code="fork", reason="The branch is one of a fork.")
    if not rules.failed_checks:
        return Ignored(code="failed_checks_off", reason="Mending failed checks is switched off.")
    if check.app is not None and check.app.id == rules.own_app_id:
        return Ignored(code="own_check", reason="The check is Errand's own.")
    return None


def _trigger(payload: Payload, check: Check, branch: str, at: datetime) -> Trigger:
    """Make the Trigger. Every failed check of one commit has the same key: one attempt mends them all."""
    repository, pull = repository_of(payload), check.pull_requests[0]
    return Trigger(
        kind=TriggerKind.FAILED_CHECK,
        instruction=(
            f"A check failed on the branch `{branch}` at {check.head_sha}. "
            "Find out why from the code and its tests, and mend it."
        ),
        author=None,
        thread=Thread(
            repository_id=repository.id,
            repository=repository.full_name,
            number=pull.number,
            is_pull_request=True,
        ),
        head=Head(ref=branch, sha=check.head_sha, repository_id=repository.id),
        at=at,
        key=key(payload, "failed_check", pull.id, check.head_sha),
    )
