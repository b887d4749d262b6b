"""Short comments of ours that are no Reply to a Task: help, a pause, and why a command did nothing."""

from collections.abc import Mapping, Sequence

from app.domain.task import Task
from app.domain.trigger import Command
from app.github.marker import marker

_COMMANDS = {
    "stop": "end what is running in this thread, and what waits in it",
    "retry": "do the last task again",
    "status": "say what is running",
    "help": "say this",
}


def help_text(notice_id: str, agents: Mapping[str, str]) -> str:
    """Return what can be asked; `agents` are names and what each is for.

    The word that addresses us is not in it, as in no comment of ours: who reads this has just written it.
    """
    commands = [f"| `{name}` | {what} |" for name, what in _COMMANDS.items()]
    named = [
        f"| `{name}: …` | {' '.join(what.split()).replace('|', '')} |"
        for name, what in sorted(agents.items())
    ]
    return "\n".join(
        [
            marker(notice_id),
            "Mention me with what is to be done, or with one of these behind the mention:",
            "",
            "| behind the mention | what happens |",
            "|---|---|",
            *commands,
            *named,
        ]
    )


def paused_text(notice_id: str, reason: str, command: Command = Command.ASK) -> str:
    """Return the one notice of a thread in which too much was asked or commanded."""
    what = "Mentions" if command is Command.ASK else "Commands, except to stop,"
    later = f"{what} in this thread are not answered until it is less."
    return f"{marker(notice_id)}\n**Paused.** {reason} {later}"


def nothing_text(notice_id: str, command: str) -> str:
    """Return the answer to a command for which there is nothing to do."""
    sentence = {
        "stop": "Nothing is running or waiting in this thread.",
        "retry": "Nothing in this thread can be done again.",
    }.get(command, "Nothing has been asked in this thread yet.")
    return f"{marker(notice_id)}\n{sentence}"


def status_text(notice_id: str, going: Sequence[Task], last: Task) -> str:
    """Return what waits or runs in a thread, or how its last Task ended."""
    lines = [f"- `{task.agent}`: {task.state} since {_minute(task)}" for task in going]
    if not lines:
        lines = [f"Nothing is running. The last task of this thread is {last.state}."]
    return "\n".join([marker(notice_id), *lines])


def _minute(task: Task) -> str:
    return f"{task.started_at or task.created_at:%Y-%m-%d %H:%M} UTC"
