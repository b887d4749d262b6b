"""A Trigger becomes rows: verdict, Task, Session, thread and Reply, all or none."""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection

from app.agents import Resolved
from app.clock import utcnow
from app.db import deliveries, replies, sessions, tasks, threads
from app.db.tasks import NewTask
from app.domain.delivery import Decision, Recorded, Verdict
from app.domain.gate import Policy, Refused, decide
from app.domain.reply import KeptReply, ReplyKind
from app.domain.task import SessionId, Task
from app.domain.trigger import Command, Trigger
from app.errors import NotFound
from app.github.asked_facts import Asked
from app.github.commands import add_notice, carry_out
from app.github.notices import paused_text
from app.github.rules import Rules
from app.github.undecided import lock_undecided

#: What is done where somebody only mentions us.
UNSAID = "Work on what this {} asks for."


@dataclass(frozen=True)
class House:
    """What is the same for every Trigger here."""

    policy: Policy
    rules: Rules
    #: Chooses the Agent for a name; raises Invalid.
    resolve: Callable[[str | None], Resolved]
    #: Names and what each is for.
    agents: Mapping[str, str]
    default_agent: str
    max_attempts: int
    queue_limit: int


@dataclass(frozen=True)
class Taken:
    """What was decided, and the Tasks that were made or changed by it."""

    decision: Decision
    changed: tuple[Task, ...] = ()


def judge(c: Connection, asked: Asked, house: House) -> Refused | None:
    """Return why `asked` may not be done, or None; writes nothing."""
    if asked.trigger.author is None and asked.asker is None:
        return Refused(code="branch_unknown", reason="Nobody is known to have asked for this branch.")
    author = asked.trigger.author
    if asked.trigger.command is not Command.ASK and author is not None and author.is_bot:
        return Refused(code="bot_command", reason="Bots may ask, but command nothing.")
    asker_id = asked.asker.id if asked.asker else None
    counts = replies.counts(c, asked.trigger.thread, user_id=asker_id, now=utcnow())
    answer = decide(asked.trigger, asked.facts.model_copy(update={"counts": counts}), house.policy)
    return answer if isinstance(answer, Refused) else None


def foresee(c: Connection, asked: Asked, house: House) -> Decision:
    """Return the verdict that `take` would come to; writes nothing."""
    trigger = asked.trigger
    known = _known(c, trigger)
    if known is not None:
        return known
    refused = judge(c, asked, house)
    if refused is not None:
        return Decision(verdict=Verdict.REFUSED, code=refused.code, reason=refused.reason)
    if trigger.command is not Command.ASK:
        command = str(trigger.command)
        return Decision(verdict=Verdict.COMMAND, code=command, reason=f"`{command}` would be carried out.")
    return Decision(verdict=Verdict.TASK, code=str(trigger.kind), reason="A task would be made.")


def take(c: Connection, delivery: Recorded, asked: Asked, house: House, installation: int | None) -> Taken:
    """Decide on a Delivery and do what it asks for; a second time it is left as it is.

    Raises IntegrityError where somebody else took the same question or the same thread meanwhile: ask again.
    """
    known = deliveries.lock(c, delivery.id)
    if known.verdict is not None:
        return Taken(Decision(verdict=known.verdict, code=known.code or "", reason=known.reason))
    taken = _taken(c, delivery, asked, house, installation)
    # Whether it was taken up is still to be shown on GitHub.
    shown = taken.decision.verdict in {Verdict.TASK, Verdict.COMMAND}
    deliveries.decide(c, delivery.id, taken.decision, done=not shown)
    return taken


def _taken(c: Connection, delivery: Recorded, asked: Asked, house: House, installation: int | None) -> Taken:
    trigger, key = asked.trigger, str(asked.trigger.key)
    known = _known(c, trigger)
    if known is not None:
        return Taken(known)
    stops = trigger.command is Command.STOP
    undecided = lock_undecided(c, delivery, trigger.thread, house.rules) if stops else []
    session_id = threads.session_of(c, trigger.thread)
    refused = judge(c, asked, house)
    if refused is not None:
        return _refused(c, delivery, trigger, refused)
    if trigger.command is not Command.ASK:
        said = replies.answers_hour(c, trigger.thread, now=utcnow())
        done = carry_out(
            c,
            trigger,
            delivery_id=delivery.id,
            agents=house.agents,
            undecided=undecided,
            quiet=said >= house.policy.caps.thread_hour,
        )
        command = Decision(
            verdict=Verdict.COMMAND, code=str(trigger.command), reason=done.reason, object_key=key
        )
        return Taken(command, done.changed)
    task = _made(c, trigger, session_id, house)
    replies.add(c, _reply(task, delivery, asked, installation))
    reason = f"{asked.asker.login if asked.asker else 'A failed check'} asked; a task was made."
    made = Decision(
        verdict=Verdict.TASK, code=str(trigger.kind), reason=reason, task_id=task.id, object_key=key
    )
    return Taken(made, (task,))


def _known(c: Connection, trigger: Trigger) -> Decision | None:
    before = deliveries.same_question(c, str(trigger.key))
    if before is None:
        return None
    reason = f"The same was asked by the delivery {before.id}."
    return Decision(verdict=Verdict.KNOWN, code="asked_before", reason=reason, task_id=before.task_id)


def _refused(c: Connection, delivery: Recorded, trigger: Trigger, refused: Refused) -> Taken:
    if refused.notice:
        notice_id = str(uuid.uuid4())
        text = paused_text(notice_id, refused.reason, trigger.command)
        add_notice(c, trigger, notice_id, kind=ReplyKind.PAUSED, text=text, delivery_id=delivery.id)
    return Taken(Decision(verdict=Verdict.REFUSED, code=refused.code, reason=refused.reason))


def _made(c: Connection, trigger: Trigger, session_id: SessionId | None, house: House) -> Task:
    try:
        agent = sessions.get(c, session_id).agent if session_id else house.default_agent
    except NotFound:  # it is being deleted: the thread begins anew
        threads.forget(c, trigger.thread)
        session_id, agent = None, house.default_agent
    chosen = house.resolve(trigger.agent or agent)
    new = NewTask(
        message=message_of(trigger),
        agent=chosen.agent.name,
        cli=chosen.agent.cli,
        max_attempts=house.max_attempts,
        session_id=session_id,
        queue_limit=house.queue_limit,
        from_outside=True,
        notices=() if chosen.notice is None else (chosen.notice,),
    )
    task = tasks.create(c, new)
    if session_id is None:
        threads.keep(c, trigger.thread, task.session_id)
    return task


def message_of(trigger: Trigger) -> str:
    """Return what the Task is asked, in the words of who asked."""
    what = "pull request" if trigger.thread.is_pull_request else "issue"
    return trigger.instruction.replace("\0", "�").strip() or UNSAID.format(what)


def _reply(task: Task, delivery: Recorded, asked: Asked, installation: int | None) -> KeptReply:
    trigger = asked.trigger
    return KeptReply(
        id=str(uuid.uuid4()),
        task_id=task.id,
        kind=ReplyKind.TASK,
        delivery_id=delivery.id,
        installation_id=installation,
        trigger=trigger,
        head=trigger.head,
        is_fork=bool(asked.facts.is_fork),
        requester_id=asked.asker.id if asked.asker else None,
        requester=asked.asker.login if asked.asker else None,
        reply_to=trigger.reply_to,
        created_at=utcnow(),
    )
