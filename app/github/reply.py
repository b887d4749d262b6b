"""The one comment that is kept for a Task: from the eyes to the answer, as pure markdown."""

import re
from enum import StrEnum

from pydantic import AnyHttpUrl, NonNegativeFloat, NonNegativeInt

from app.domain.model import Model
from app.github.cleaning import plain
from app.github.defusing import defused
from app.github.length import LONGEST, closed, cut, units
from app.github.marker import marker
from app.github.plan import Step, StepState
from app.security.redact import Redactor

_STEP = 300
#: What is taken of one line around the answer.
_LINE = 2000
_STOP = "to stop it, mention the agent with the one word `stop`"
_RETRY = "to try again, mention the agent with the one word `retry`"
_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+.!|~<>-])")


class ReplyState(StrEnum):
    """Where the Task is, as its thread is told."""

    QUEUED = "queued"
    RUNNING = "running"
    ANSWERED = "answered"
    FAILED = "failed"
    CANCELLED = "cancelled"


_RUNNING = frozenset({ReplyState.QUEUED, ReplyState.RUNNING})
_AGAIN = frozenset({ReplyState.FAILED, ReplyState.CANCELLED})


class Changes(Model):
    """What was pushed."""

    branch: str
    commits: NonNegativeInt = 1
    #: The pull request that was opened, or that the branch belongs to.
    pull_request: NonNegativeInt | None = None
    #: Whether the pull request is new.
    is_new: bool = False


class Reply(Model):
    """Everything the comment is made of; the same Reply is always the same text."""

    id: str
    state: ReplyState
    agent: str
    #: The page of the Task; None where no public address is set.
    link: AnyHttpUrl | None = None
    #: Tasks that come first in this thread, and the reason why it waits.
    ahead: NonNegativeInt = 0
    waits_for: str = ""
    plan: tuple[Step, ...] = ()
    elapsed_s: NonNegativeFloat = 0
    cost: str = ""
    #: The agent's last words.
    answer: str = ""
    changes: Changes | None = None
    #: What went wrong and what to do, from the table of reasons.
    problem: str = ""
    #: Something to look at although it is done.
    attention: str = ""


def render(reply: Reply, *, word: str, redactor: Redactor) -> str:
    """Return the comment: never longer than GitHub takes, without secrets, and calling nobody.

    It begins with the mark that finds it again, and has `word` nowhere, not even in how to stop it: what a
    loop would be made of is not there to be quoted.
    """
    head, look = (_line(text, word, redactor) for text in (_head(reply), _look(reply)))
    tail = "\n\n".join(part for part in (look, _tail(reply)) if part)
    said = redactor.clean_text(plain(_body(reply, redactor)))
    # Cut before it is read, which takes time, and after, for it may have grown.
    body = defused(cut(said, LONGEST), word=word)
    frame = units(f"{marker(reply.id)}\n{head}\n\n\n\n{tail}")
    whole = closed(body)
    if units(said) > LONGEST or frame + units(whole) > LONGEST:
        more = f"\n\n*The answer is longer than a comment may be.{_rest(reply)}*"
        whole = cut(body, LONGEST - frame - units(more)) + more
    parts = [part for part in (head, whole, tail) if part]
    return f"{marker(reply.id)}\n" + "\n\n".join(parts)


def escaped(text: str) -> str:
    """Return one line of text as it is, whatever it means in markdown."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def elapsed(seconds: float, *, step: int = 1) -> str:
    """Return a duration as people say it, seconds by the `step`."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min" if minutes else f"{rest // step * step} s"


def _line(text: str, word: str, redactor: Redactor) -> str:
    """Return a line of ours that quotes others, who may have named a file so that it calls somebody.

    It is read with what is ours in it, as the page does: at its beginning the same words can be a fence.
    """
    said = redactor.clean_text(plain(" ".join(text.split())))
    return " ".join(defused(cut(said, _LINE), word=word).split())


def _head(reply: Reply) -> str:
    agent = f"`{reply.agent}`"
    match reply.state:
        case ReplyState.QUEUED:
            return f"**Queued** for {agent}.{_waiting(reply)}"
        case ReplyState.RUNNING:
            return f"**Working on it** with {agent}, {elapsed(reply.elapsed_s, step=10)} so far."
        case ReplyState.ANSWERED:
            return _changes(reply)
        case ReplyState.CANCELLED:
            return "**Stopped.** Nothing was pushed."
        case ReplyState.FAILED:
            return "**This did not work out.**"


def _waiting(reply: Reply) -> str:
    if reply.waits_for:
        return f" {reply.waits_for}"
    if not reply.ahead:
        return ""
    return f" {reply.ahead} {'task comes' if reply.ahead == 1 else 'tasks come'} first in this thread."


def _changes(reply: Reply) -> str:
    if reply.changes is None:
        return ""
    changes = reply.changes
    commits = f"{changes.commits} commit{'' if changes.commits == 1 else 's'}"
    where = f"`{changes.branch}`"
    if changes.pull_request is None:
        return f"Pushed {commits} to {where}."
    verb = "opened" if changes.is_new else "they are in"
    return f"Pushed {commits} to {where}; {verb} #{changes.pull_request}."


def _body(reply: Reply, redactor: Redactor) -> str:
    match reply.state:
        case ReplyState.QUEUED:
            return ""
        case ReplyState.RUNNING:
            return "\n".join(_step(step, redactor) for step in reply.plan)
        case ReplyState.ANSWERED:
            return reply.answer.strip() or "The agent finished without a word, and nothing was changed."
        case ReplyState.FAILED | ReplyState.CANCELLED:
            said = f"\n\nThe agent's last words:\n\n{reply.answer.strip()}" if reply.answer.strip() else ""
            return f"{reply.problem.strip()}{said}"


def _step(step: Step, redactor: Redactor) -> str:
    # First: a secret that is escaped or cut would no longer be found.
    text = escaped(redactor.clean_text(plain(step.text)))
    text = text if len(text) <= _STEP else f"{text[:_STEP].rstrip(chr(92))}…"
    if step.state is StepState.IN_PROGRESS:
        return f"- [ ] **{text}**"
    return f"- [{'x' if step.state is StepState.COMPLETED else ' '}] {text}"


def _tail(reply: Reply) -> str:
    """Return the small print: where to look, how to stop or go on."""
    details = [_STOP] if reply.state in _RUNNING else [f"`{reply.agent}`", elapsed(reply.elapsed_s)]
    if reply.cost:
        details.append(reply.cost)
    if reply.link:
        details.append(f"[{'watch it live' if reply.state in _RUNNING else 'details'}]({reply.link})")
    if reply.state in _AGAIN:
        details.append(_RETRY)
    return f"<sub>{' · '.join(details)}</sub>"


def _look(reply: Reply) -> str:
    return f"**Please look:** {reply.attention}" if reply.attention else ""


def _rest(reply: Reply) -> str:
    return f" [Read the rest]({reply.link})." if reply.link else " The rest is on the page of the task."
