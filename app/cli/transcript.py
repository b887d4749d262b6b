"""A Task's Events and states as text for a terminal or a pipe; pure: what it returns is ready to write."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from app.cli.sanitise import RESET, Sanitiser, one_line, plain
from app.cli.wording import BOLD, CYAN, DIM, GREEN, RED, YELLOW, summary

#: Characters of one line about a tool: of its arguments, of what it answered.
_CALL_WIDTH = 100
_ANSWER_WIDTH = 80
#: Characters of the agent's last words that are compared with its result.
_REMEMBERED = 65536

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
#: What says most about a tool's call, first come first shown.
_TELLING = ("command", "pattern", "file_path", "path", "url", "query", "skill", "description", "prompt")

_HOLDS = {
    "session_busy": "waits for the task before it in its conversation",
    "credential_expired": "waits for a new credential",
    "usage_limit": "waits for the plan's usage limit to be reset",
    "budget": "waits for a larger budget",
}
_FINAL = {"completed": GREEN, "failed": RED, "cancelled": YELLOW}

Json = Mapping[str, Any]


class Transcript:
    """What was shown so far decides how the next item is shown: what goes on, what begins a line."""

    def __init__(self, *, colours: bool) -> None:
        self._colours = colours
        #: What continues: (attempt, kind, block) of the open text.
        self._open: tuple[int, str, str] | None = None
        self._sanitiser = Sanitiser(colours=colours)
        self._fresh = True
        self._group = ""
        #: Tools that have not answered, by the call's id; and the one whose line is still open.
        self._calls: dict[str, str] = {}
        self._calling: str | None = None
        self._said = ""
        self._turns: int | None = None
        self._told = ""

    def event(self, event: Json) -> str:
        """Return what to write for one Event."""
        ways: dict[str, Callable[[Json], str]] = {
            "text": self._words,
            "thinking": self._words,
            "tool_call": self._call,
            "tool_result": self._answer,
            "usage": _nothing,  # the sum is in the last line
            "status": self._status,
            "result": self._result,
            "stderr": self._labelled,
            "notice": self._labelled,
        }
        return ways.get(event["kind"], self._other)(event)

    def task(self, task: Json) -> str:
        """Return what to write for news of the Task; its end is for `end`."""
        told = ""
        if task["state"] == "queued" and task["hold"]:
            told = f"queued: {_HOLDS.get(task['hold'], task['hold'])}"
        elif task["state"] == "queued" and task["not_before"]:
            told = f"queued: next try at {task['not_before'][11:19]} UTC. {task['detail']}".rstrip()
        elif task["state"] == "running" and task["cancel_requested"]:
            told = "stopping"
        if not told or told == self._told:
            return ""
        self._told = told
        return self._work(self._styled(f"· {one_line(told, 1000)}", DIM))

    def end(self, task: Json) -> str:
        """Return the last lines: how it went, why, and what it cost."""
        style = _FINAL.get(task["state"], "")
        shown = self._begin("end") + self._line(self._styled(summary(task, self._turns), BOLD + style))
        if task["state"] == "failed" and task["detail"]:
            shown += self._line(self._styled(one_line(f"{task['reason']}: {task['detail']}", 2000), RED))
        elif task["attention"]:
            why = task["detail"] or "look at the output before you rely on it"
            shown += self._line(self._styled(one_line(f"{task['attention']}: {why}", 2000), YELLOW))
        return shown

    def rest(self) -> str:
        """End the line that is open, for somebody else to write."""
        return self._close()

    def _words(self, event: Json) -> str:
        kind = event["kind"]
        style = DIM if kind == "thinking" else ""
        block = event.get("block")
        key = (event.get("attempt", 0), kind, block) if block else None
        if key is not None and key == self._open:
            return self._go_on(str(event["text"]))
        shown = self._begin(kind)
        self._sanitiser = Sanitiser(colours=self._colours, base=style)
        if self._colours and style:
            shown += style
        if kind == "thinking":
            shown += "thinking: "
            self._fresh = False
        else:
            self._said = ""
        shown += self._go_on(str(event["text"]))
        self._open = key or (0, kind, "")
        return shown if key else shown + self._close()

    def _go_on(self, text: str) -> str:
        shown = self._sanitiser.feed(text)
        if self._group == "text":
            self._said = (self._said + text)[-_REMEMBERED:]
        self._note_end_of(shown)
        return shown

    def _call(self, event: Json) -> str:
        name = one_line(str(event["name"]), 60)
        self._calls[event["id"]] = name
        shown = self._begin("work")
        self._calling, self._fresh = event["id"], False
        return f"{shown}{self._styled(name, CYAN)}({one_line(_told_of(event.get('input')), _CALL_WIDTH)})"

    def _answer(self, event: Json) -> str:
        text = str(event["text"])
        first = next((line for line in plain(text[:4096]).splitlines() if line.strip()), "")
        more = text.rstrip().count("\n")
        said = one_line(first, _ANSWER_WIDTH) + (f" (+{more} line{'s' if more != 1 else ''})" if more else "")
        said = said or ("done" if event["ok"] else "no answer")
        answer = self._styled(f" → {said}" if event["ok"] else f" ✗ {said}", DIM if event["ok"] else RED)
        name = self._calls.pop(event["id"], "tool")
        if self._calling == event["id"]:
            self._calling, self._fresh = None, True
            return f"{answer}\n"
        return self._work(self._styled(name, CYAN) + answer)

    def _status(self, event: Json) -> str:
        state, detail = str(event["state"]), str(event.get("detail", ""))
        if state in _FINAL:
            return ""  # `end` says it, with what it cost
        return self._work(self._styled("· " + one_line(f"{state}: {detail}" if detail else state, 300), DIM))

    def _result(self, event: Json) -> str:
        self._turns = event.get("turns")
        text = str(event.get("text", ""))
        if not text.strip() or text.strip()[-_REMEMBERED:] == self._said.strip():
            return ""
        return self._paragraph(text, "" if event["ok"] else RED, group="text")

    def _labelled(self, event: Json) -> str:
        style = RED if event["kind"] == "stderr" else YELLOW
        return self._paragraph(str(event["text"]), style, f"{event['kind']}: ")

    def _other(self, event: Json) -> str:
        return self._paragraph(str(event.get("text", "")))

    def _paragraph(self, text: str, style: str = "", label: str = "", *, group: str = "work") -> str:
        base = style if self._colours else ""
        sanitiser = Sanitiser(colours=self._colours, base=base)
        lines = (sanitiser.feed(text) + sanitiser.finish()).rstrip("\n").split("\n")
        return self._begin(group) + "".join(self._line(f"{base}{label}{line}") for line in lines)

    def _work(self, line: str) -> str:
        return self._begin("work") + self._line(line)

    def _begin(self, group: str) -> str:
        """Close what is open; an empty line stands between what the agent says and what it does."""
        shown = self._close()
        if self._group and (group != self._group or group == "text"):
            shown += "\n"
        self._group = group
        return shown

    def _close(self) -> str:
        shown = ""
        if self._open is not None:
            shown = self._sanitiser.finish()
            self._note_end_of(shown)
            shown += RESET if self._colours else ""
            self._open = None
        self._calling = None
        if not self._fresh:
            shown += "\n"
            self._fresh = True
        return shown

    def _line(self, line: str) -> str:
        return f"{line}{RESET}\n" if self._colours and "\x1b" in line else f"{line}\n"

    def _styled(self, text: str, style: str) -> str:
        return f"{style}{text}{RESET}" if self._colours and style else text

    def _note_end_of(self, shown: str) -> None:
        visible = _COLOUR.sub("", shown[-64:])
        if visible:
            self._fresh = visible.endswith("\n")


def _told_of(given: object) -> str:
    """Return the argument that says most."""
    if isinstance(given, Mapping):
        for name in _TELLING:
            if isinstance(given.get(name), str) and given[name]:
                return str(given[name])
        return ", ".join(f"{name}: {_short(value)}" for name, value in given.items())
    return "" if given is None else str(given)


def _short(value: object) -> str:
    return str(len(value)) if isinstance(value, list | dict) else str(value)


def _nothing(_event: Json) -> str:
    return ""
