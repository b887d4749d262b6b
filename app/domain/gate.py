"""The gate: whether who asks may ask, decided from facts and nothing else."""

from enum import IntEnum

from pydantic import NonNegativeInt, PositiveInt

from app.domain.model import Model
from app.domain.trigger import Command, Trigger


class Permission(IntEnum):
    """What somebody may do in a repository, from nothing to everything."""

    NONE = 0
    READ = 1
    TRIAGE = 2
    WRITE = 3
    MAINTAIN = 4
    ADMIN = 5


class Caps(Model):
    """How many Tasks may come from where: what ends a loop that nothing else has noticed."""

    thread_hour: PositiveInt = 5
    thread_day: PositiveInt = 20
    #: Tasks of one thread in a row that bots asked for, with no person in between.
    thread_bots: PositiveInt = 3
    repository_hour: PositiveInt = 30
    user_hour: PositiveInt = 15


class Counts(Model):
    """How much has come so far, this one not counted."""

    thread_hour: NonNegativeInt = 0
    thread_day: NonNegativeInt = 0
    thread_bots: NonNegativeInt = 0
    repository_hour: NonNegativeInt = 0
    user_hour: NonNegativeInt = 0
    #: Comments of ours in this thread that only answered a command.
    answers_hour: NonNegativeInt = 0
    #: How often Tasks of this thread began to run, by a retry too.
    runs_hour: NonNegativeInt = 0
    #: Whether this thread was told already, since a cap was reached, that it is paused.
    notice_sent: bool = False


class Policy(Model):
    """Who may ask here; the settings say it."""

    least: Permission = Permission.WRITE
    #: `owner/name` or `owner/*`; empty: every repository that sends Deliveries.
    repositories: frozenset[str] = frozenset()
    #: Bots that may ask, by exact login; their permission is asked for like anybody's.
    bots: frozenset[str] = frozenset()
    forks: bool = False
    caps: Caps = Caps()


class Facts(Model):
    """What GitHub's API said at the time; None: it could not be asked."""

    permission: Permission | None = None
    #: Whether the pull request's head is in another repository; False for an issue.
    is_fork: bool | None = None
    is_archived: bool = False
    is_locked: bool = False
    counts: Counts = Counts()


class Allowed(Model):
    """It may be done."""


class Refused(Model):
    """It may not; quiet on GitHub, explained in the inspector."""

    code: str
    reason: str
    #: Whether asking GitHub again later may end otherwise.
    again: bool = False
    #: Whether the thread is told, this once, that it is paused.
    notice: bool = False


def decide(trigger: Trigger, facts: Facts, policy: Policy) -> Allowed | Refused:
    """Return whether `trigger` may become a Task or be carried out. What is not known is refused."""
    return (
        _place(trigger, facts, policy)
        or _person(trigger, facts, policy)
        or _fork(trigger, facts, policy)
        or _caps(trigger, facts.counts, policy.caps)
        or Allowed()
    )


def lists(repositories: frozenset[str], full_name: str) -> bool:
    """Tell whether a list of `owner/name` and `owner/*` has `full_name`; case does not count on GitHub."""
    owner = full_name.partition("/")[0]
    known = {name.casefold() for name in repositories}
    return full_name.casefold() in known or f"{owner}/*".casefold() in known


def _place(trigger: Trigger, facts: Facts, policy: Policy) -> Refused | None:
    name = trigger.thread.repository
    if policy.repositories and not lists(policy.repositories, name):
        return Refused(code="repository_not_listed", reason=f"{name} is not one of the repositories listed.")
    if facts.is_archived:
        return Refused(code="archived", reason=f"{name} is archived; nothing can be answered there.")
    if facts.is_locked and (facts.permission is None or facts.permission < Permission.WRITE):
        return Refused(code="locked", reason="The conversation is locked.")
    return None


def _person(trigger: Trigger, facts: Facts, policy: Policy) -> Refused | None:
    who = trigger.author.login if trigger.author else "Who asked for this branch"
    if _is_bot(trigger) and who not in policy.bots:
        return Refused(code="bot", reason=f"{who} is a bot that is not listed.")
    if facts.permission is None:
        reason = f"The permission of {who} could not be asked for; without it nobody is let in."
        return Refused(code="permission_unknown", reason=reason, again=True)
    if facts.permission < policy.least:
        reason = f"{who} has {_words(facts.permission)} permission; {_words(policy.least)} is needed."
        return Refused(code="permission", reason=reason)
    return None


def _fork(trigger: Trigger, facts: Facts, policy: Policy) -> Refused | None:
    if not trigger.thread.is_pull_request or policy.forks:
        return None
    if facts.is_fork is None:
        reason = "Where the pull request comes from could not be asked for; forks are not let in."
        return Refused(code="fork_unknown", reason=reason, again=True)
    if facts.is_fork:
        return Refused(code="fork", reason="The pull request comes from a fork (or from one deleted since).")
    return None


def within_caps(counts: Counts, caps: Caps, *, is_bot: bool) -> Refused | None:
    """Return which cap one Task more would break, or None."""
    reached = [
        ("thread_hour", f"This thread had {counts.thread_hour} tasks within the hour"),
        ("thread_day", f"This thread had {counts.thread_day} tasks within a day"),
        ("repository_hour", f"This repository had {counts.repository_hour} tasks within the hour"),
        ("user_hour", f"Who asks had {counts.user_hour} tasks within the hour"),
    ]
    if is_bot:
        reached.append(("thread_bots", f"Only bots asked here, {counts.thread_bots} times in a row"))
    for name, sentence in reached:
        most = getattr(caps, name)
        if getattr(counts, name) >= most:
            notice = name.startswith("thread_") and not counts.notice_sent
            return Refused(code=f"cap_{name}", reason=f"{sentence}; {most} is the most.", notice=notice)
    return None


def command_within_caps(command: Command, counts: Counts, caps: Caps) -> Refused | None:
    """Return why this thread had enough of `command`, or None; to stop is never too much.

    A machine's account is not always known as a bot. One that answers each comment of ours with a command
    would go on for ever, and a retry is a run that costs what a Task does.
    """
    reached = [] if command is Command.STOP else [(counts.answers_hour, "answers to commands")]
    if command is Command.RETRY:
        reached.append((counts.runs_hour, "runs"))
    for count, what in reached:
        if count >= caps.thread_hour:
            reason = f"This thread had {count} {what} within the hour; {caps.thread_hour} is the most."
            return Refused(code="cap_thread_commands", reason=reason, notice=not counts.notice_sent)
    return None


def _caps(trigger: Trigger, counts: Counts, caps: Caps) -> Refused | None:
    if trigger.command is Command.ASK:
        return within_caps(counts, caps, is_bot=_is_bot(trigger))
    return command_within_caps(trigger.command, counts, caps)


def _is_bot(trigger: Trigger) -> bool:
    return trigger.author is not None and trigger.author.is_bot


def _words(permission: Permission) -> str:
    return "no" if permission is Permission.NONE else permission.name.lower()
