"""`demo`: a scripted program that speaks Claude Code's line format. No model is called.

It reads a prompt on standard input, does something real in its working directory, and prints what it does
as stream-json lines. One file and the standard library only: it runs by itself, as `python -I program.py`.
"""

import argparse
import itertools
import json
import os
import re
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

NAME = "demo, scripted: no model is called"
NOTES = "errand-demo-notes.md"
MEMORY = Path.home() / ".errand-demo.json"
MISSING = "a-file-that-is-not-there.txt"
#: What comes before the prompt where Errand speaks to a real CLI.
FIRST_LINE = "The request follows."
#: No model was asked, so nothing was used and nothing is owed.
USAGE = {"input_tokens": 0, "output_tokens": 0}
STEPS = ("Look through the workspace", "Run two commands", "Keep notes", "Answer")
COMMANDS = (
    ("TERM=xterm ls -la --color=always | head -n 100", "List the workspace"),
    ("find . -type f | head -n 2000 | wc -l", "Count the files"),
)

MOST_FILES, LARGEST_FILE = 2000, 1024 * 1024
Json = dict[str, Any]

# The line format


@dataclass
class Wire:
    """Standard output, one JSON object a line."""

    session_id: str
    #: Seconds of a short pause; 0 where somebody is in a hurry.
    pace: float = 0.12
    turns: int = 0
    began: float = field(default_factory=time.monotonic)

    def line(self, **fields: object) -> None:
        """Print one object, at once."""
        fields |= {"session_id": self.session_id, "uuid": str(uuid.uuid4())}
        # The name of a file may hold bytes that are no text.
        text = json.dumps(fields, ensure_ascii=False).encode("utf-8", "replace")
        sys.stdout.buffer.write(text + b"\n")
        sys.stdout.buffer.flush()

    def result(self, tool: str, outcome: tuple[bool, str]) -> None:
        """Print what a tool answered: whether it went well, and its text."""
        ok, text = outcome
        content = {"type": "tool_result", "tool_use_id": tool, "content": text, "is_error": not ok}
        self.line(type="user", message={"role": "user", "content": [content]}, parent_tool_use_id=None)
        time.sleep(self.pace)

    def answer(self, text: str) -> int:
        """Say the last words, and end well."""
        Turn(self).say(text)
        return self.end(text)

    def end(self, text: str, *, ok: bool = True) -> int:
        """Print how it all ended; return the exit code."""
        self.line(
            type="result",
            subtype="success" if ok else "error_during_execution",
            is_error=not ok,
            num_turns=self.turns,
            duration_ms=round((time.monotonic() - self.began) * 1000),
            total_cost_usd=0.0,
            usage=USAGE,
            modelUsage={},
            permission_denials=[],
            **({"result": text} if ok else {"errors": [text]}),
        )
        return 0 if ok else 1


class Turn:
    """One message of the agent: blocks of thinking, text and tool calls, streamed and then repeated whole."""

    def __init__(self, wire: Wire) -> None:
        wire.turns += 1
        self._wire = wire
        self._message: Json = {"id": f"msg_{uuid.uuid4().hex}", "type": "message", "role": "assistant"}
        self._message |= {"model": NAME, "usage": USAGE}
        self._blocks = 0
        self._stream(type="message_start", message=self._message | {"content": []})

    def think(self, text: str) -> None:
        """Reason, where the reader may look or not."""
        self._write("thinking", self._in_pieces(text))

    def say(self, text: str | Iterable[str]) -> None:
        """Tell the reader something, as markdown; a text that is no str sets its own pace."""
        self._write("text", self._in_pieces(text) if isinstance(text, str) else text)

    def use(self, name: str, **given: object) -> str:
        """Call a tool; return the id that its result will bear."""
        tool = f"toolu_{uuid.uuid4().hex}"
        self._finish({"type": "tool_use", "id": tool, "name": name, "input": given})
        time.sleep(self._wire.pace * 2)
        return tool

    def _in_pieces(self, text: str) -> Iterator[str]:
        """Cut `text` into pieces of a few words, which come one after the other as a model's do."""
        for piece in re.findall(r"(?:\S+\s*){1,6}|\s+", text):
            yield piece
            time.sleep(self._wire.pace / 4)

    def _write(self, kind: str, pieces: Iterable[str]) -> None:
        self._stream(type="content_block_start", index=self._blocks, content_block={"type": kind, kind: ""})
        whole = ""
        for piece in pieces:
            whole += piece
            delta = {"type": f"{kind}_delta", kind: piece}
            self._stream(type="content_block_delta", index=self._blocks, delta=delta)
        self._finish({"type": kind, kind: whole})

    def _finish(self, block: Json) -> None:
        self._wire.line(
            type="assistant", message=self._message | {"content": [block]}, parent_tool_use_id=None
        )
        self._stream(type="content_block_stop", index=self._blocks)
        self._blocks += 1

    def _stream(self, **event: object) -> None:
        self._wire.line(type="stream_event", event=event, parent_tool_use_id=None)


# What it remembers: HOME belongs to one conversation and outlives each run


def recall() -> Json:
    """Return what earlier runs of this conversation left; nothing where that cannot be read."""
    try:
        memory = json.loads(MEMORY.read_text("utf-8"))
        return {"session_id": str(memory["session_id"]), "said": [str(said) for said in memory["said"]]}
    except (OSError, ValueError, KeyError, TypeError):
        return {"session_id": "", "said": []}


def remember(memory: Json) -> None:
    """Keep `memory` for the next run; a HOME that can't be written to is no reason to fail."""
    draft = MEMORY.with_suffix(f".{os.getpid()}")
    try:
        draft.write_text(json.dumps(memory), "utf-8")
        draft.replace(MEMORY)
    except OSError as error:
        complain(f"this conversation will not be remembered: {error}")


def complain(text: str) -> None:
    """Print a line on standard error."""
    print(f"demo: {text}", file=sys.stderr, flush=True)  # noqa: T201 - a program of its own


# What it really does


@dataclass
class Found:
    """What is in the workspace: by path, its lines, words and bytes."""

    sizes: dict[str, tuple[int, int, int]]

    def table(self) -> str:
        """Return the largest files as a markdown table."""
        lines = ["| file | lines | words | bytes |", "|:--|--:|--:|--:|"]
        for path, sizes in sorted(self.sizes.items(), key=lambda item: -item[1][2])[:8]:
            name = re.sub(r"[|`\s]", "_", path)
            lines.append(f"| `{name}` | " + " | ".join(f"{size:,}" for size in sizes) + " |")
        return "\n".join(lines)

    def summary(self) -> str:
        """Return the sums in a sentence."""
        if not self.sizes:
            return "The workspace is empty."
        lines, words, size = (sum(column) for column in zip(*self.sizes.values(), strict=True))
        more = "" if len(self.sizes) < MOST_FILES else " (I stopped there)"
        return f"Files: {len(self.sizes):,}{more}, with {lines:,} lines, {words:,} words and {size:,} bytes."


def look_through(workspace: Path) -> Found:
    """Count what is in the files of `workspace`; links are not followed, hidden directories not entered."""
    some = itertools.islice(_files(workspace), MOST_FILES)
    return Found({str(path.relative_to(workspace)): _measure(path) for path in some})


def _files(workspace: Path) -> Iterator[Path]:
    for top, folders, names in os.walk(workspace):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        paths = (Path(top, name) for name in sorted(names))
        yield from (path for path in paths if path.is_file() and not path.is_symlink())


def _measure(path: Path) -> tuple[int, int, int]:
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_FILE)
        return content.count(b"\n"), len(content.split()), path.stat().st_size
    except OSError:
        return 0, 0, 0


def run(command: str) -> tuple[bool, str]:
    """Run a command of this script's own, never one from a prompt."""
    pipe, none = subprocess.PIPE, subprocess.DEVNULL
    done = subprocess.run(
        ["sh", "-c", command], stdin=none, stdout=pipe, stderr=subprocess.STDOUT, check=False
    )
    text = done.stdout.decode("utf-8", "replace")
    return (True, text) if done.returncode == 0 else (False, f"Exit code {done.returncode}\n{text}")


def read(path: Path) -> tuple[bool, str]:
    """Read a file, or say why not."""
    try:
        return True, path.read_text("utf-8", "replace")
    except OSError as error:
        return False, f"{path}: {error.strerror}"


def write(path: Path, text: str) -> tuple[bool, str]:
    """Write a file, or say why not."""
    try:
        return path.write_text(text, "utf-8", "replace") > 0, f"The file {path.name} was written."
    except OSError as error:
        return False, f"The file {path.name} could not be written: {error.strerror}."


# The scripts; each returns the exit code


def show_around(wire: Wire, prompt: str, said: list[str]) -> int:
    """Do a little of everything, so that every kind of output is seen once."""
    workspace, words = Path.cwd(), len(prompt.split())
    turn = Turn(wire)
    thought = f"The prompt has this many words: {words}. I am a script and can't understand one of them."
    turn.think(f"{thought} What I can do is look around, count and take notes. That much will be real.")
    turn.say(_greeting(said))
    _tick_off(wire, turn, 0)
    turn = Turn(wire)
    listing = turn.use("Glob", pattern="**/*", path=str(workspace))
    found = look_through(workspace)
    wire.result(listing, (True, "\n".join(list(found.sizes)[:200]) or "No files found"))
    _tick_off(wire, turn, 1)
    turn = Turn(wire)
    for command, description in COMMANDS:
        wire.result(turn.use("Bash", command=command, description=description), run(command))
    _tick_off(wire, turn, 2)
    outcome = _keep_notes(wire, prompt, found, len(said) + 1)
    complain("this line went to standard error; nothing is wrong")
    turn = Turn(wire)
    turn.think("A tool may also fail, and that should be seen once. I'll read a file that is not there.")
    wire.result(turn.use("Read", file_path=str(workspace / MISSING)), read(workspace / MISSING))
    _tick_off(wire, turn, 4)
    return wire.answer(_report(words, look_through(workspace), outcome))


def _greeting(said: list[str]) -> str:
    hello = "This is a **scripted demonstration**: no model is called, and it costs nothing."
    if said:
        hello += f" It is message {len(said) + 1} of our conversation, which began with “{said[0]}”."
    return f"{hello} I'll look through the workspace, run two commands and keep notes."


def _tick_off(wire: Wire, turn: Turn, done: int) -> None:
    states = ["completed"] * done + ["in_progress"] + ["pending"] * len(STEPS)
    pairs = zip(STEPS, states, strict=False)
    todos = [{"content": step, "activeForm": step, "status": state} for step, state in pairs]
    wire.result(turn.use("TodoWrite", todos=todos), (True, "The list is kept."))


def _keep_notes(wire: Wire, prompt: str, found: Found, number: int) -> str:
    """Write the file of notes, or add to it; return how that went."""
    path, asked = Path.cwd() / NOTES, prompt.partition("\n")[0][:100]
    entry = f"## Message {number}\n\n- asked: {asked}\n- words: {len(prompt.split())}\n- {found.summary()}\n"
    there, before = read(path)
    text = f"{before.rstrip() if there else '# Notes of the demonstration'}\n\n{entry}"
    if there:
        last = before.rstrip().rpartition("\n")[2]
        tool = Turn(wire).use("Edit", file_path=str(path), old_string=last, new_string=f"{last}\n\n{entry}")
    else:
        tool = Turn(wire).use("Write", file_path=str(path), content=text)
    outcome = write(path, text)
    wire.result(tool, outcome)
    return outcome[1]


def _report(words: int, found: Found, notes: str) -> str:
    table = f"{found.table()}\n\n" if found.sizes else ""
    return f"""\
## What I found

{found.summary()}

{table}- Words in your message: **{words}**
- Notes: {notes} Ask again, and I'll add to them.
- `{MISSING}` could not be read, on purpose: a failure looks like that.

All of this was really done, by a script: no model was called, and it cost nothing. For real answers start
Errand with a key, and choose another agent:

```sh
ANTHROPIC_API_KEY=... bin/up
errand run "Explain this repository" --agent brain --follow
```
"""


def count(wire: Wire, last: int) -> int:
    """Count, one number after the other."""
    Turn(wire).say(_numbers(last, seconds=wire.pace and min(last * 0.06, 4)))
    return wire.answer(f"I counted to **{last:,}**. I am a script: no model was called.")


def keep_working(wire: Wire, seconds: int) -> int:
    """Be busy for a while, and show it every second."""
    turn = Turn(wire)
    turn.say(f"I'll count the seconds up to {seconds:,}. **Stop task** ends me at once.\n\n")
    turn.say(_numbers(seconds, seconds=seconds))
    return wire.answer(f"Nobody stopped me in {seconds:,} seconds. I am a script: no model was called.")


def _numbers(last: int, *, seconds: float) -> Iterator[str]:
    began = time.monotonic()
    for number in range(1, last + 1):
        time.sleep(max(0.0, began + seconds * number / last - time.monotonic()))
        yield f"{number}\n\n" if number % 20 == 0 else f"{number} "


def fail(wire: Wire, _number: int) -> int:
    """Fail, as a CLI does that gives up."""
    turn = Turn(wire)
    turn.say("You asked for a failure. First a command that fails, then I give up.")
    wire.result(turn.use("Bash", command=f"cat {MISSING}"), run(f"cat {MISSING}"))
    complain("giving up, as asked")
    return wire.end("the demonstration failed because it was asked to, and will again", ok=False)


# The choice of one


def choose(prompt: str) -> tuple[str, int]:
    """Return which script `prompt` asks for, and the number it names."""
    asked = prompt.lower()
    if counted := re.search(r"\bcount\b.{0,30}?\bto (\d{1,5})\b", asked):
        return "count", int(counted[1])
    if re.match(r"\W*(please )?fail\b|.{0,80}\b(show|see|demonstrate)\b.{0,20}\bfailure\b", asked):
        return "fail", 0
    if waited := re.search(r"\b(?:wait|sleep|work(?:ing)?)(?: for)? (\d{1,4}) ?(m?)|\bslow(?:ly)?\b", asked):
        return "work", int(waited[1] or 60) * (60 if waited[2] else 1)
    return "tour", 0


def play(wire: Wire, prompt: str, said: list[str]) -> int:
    """Play the script that `prompt` asks for."""
    script, number = choose(prompt)
    if script == "tour":
        return show_around(wire, prompt, said)
    return {"count": count, "work": keep_working, "fail": fail}[script](wire, number)


def main() -> int:
    """Read the prompt, play, remember."""
    parser = argparse.ArgumentParser(prog="demo", add_help=False)
    parser.add_argument("--version", action="version", version="1.0 (Errand's scripted demonstration)")
    parser.add_argument("--session-id", "--resume", dest="session_id", default="")
    given, _ = parser.parse_known_args()
    memory = recall()
    wire = Wire(given.session_id or memory["session_id"] or str(uuid.uuid4()))
    wire.line(type="system", subtype="init", cwd=str(Path.cwd()), model=NAME, tools=[], mcp_servers=[])
    prompt = sys.stdin.buffer.read().decode("utf-8", "replace").removeprefix(f"{FIRST_LINE}\n").strip()
    if re.search(r"\bquick(ly)?\b", prompt.lower()):
        wire.pace = 0
    code = play(wire, prompt, memory["said"])
    said = [*memory["said"], prompt.partition("\n")[0][:80]]
    remember({"session_id": wire.session_id, "said": [said[0], *said[1:][-99:]]})
    return code


if __name__ == "__main__":
    # At once and without a last flush: the pipe may be full, and nobody reads it any more.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(143))
    try:
        sys.exit(main())
    except BrokenPipeError:
        os._exit(1)
