"""The program behind ScriptedCli: does what its prompt says, and writes down when it began.

It stands alone (standard library, few imports: it starts in milliseconds) and is copied to a place on PATH.
"""

# pathlib alone takes longer to import than the rest of this takes to run.
# ruff: noqa: PTH100, PTH103, PTH109, PTH110, PTH118, PTH120, PTH123

import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

VERSION = "2.1.330 (Claude Code)"
BESIDE = os.path.dirname(os.path.abspath(sys.argv[0]))
BLOCK = 1 << 16


class Program:
    """One run of the fake."""

    def __init__(self, argv: list[str], stdin: bytes) -> None:
        self.argv = argv
        self.stdin = stdin
        self.resumed = self._option("--resume")
        self.session = self.resumed or self._option("--session-id") or "scripted-session"
        self.cost = 0.0
        self.number = 0
        self.exit = 0
        self.ended = False

    def _option(self, name: str) -> str | None:
        return self.argv[self.argv.index(name) + 1] if name in self.argv else None

    # The journal beside the program

    def note(self, event: str, **more: object) -> None:
        """Append one line to the journal; one write, so that several at once do not mix."""
        line = {"event": event, "pid": os.getpid(), "at": time.time(), "session": self.session, **more}
        fd = os.open(os.path.join(BESIDE, "journal.jsonl"), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        os.write(fd, json.dumps(line).encode() + b"\n")
        os.close(fd)

    # Sessions, as the real one keeps them

    @property
    def _transcript(self) -> str:
        folder = os.path.join(os.environ.get("HOME", BESIDE), ".claude", "projects", "scripted")
        os.makedirs(folder, exist_ok=True)
        return os.path.join(folder, self.session)

    def open_session(self) -> None:
        """Refuse an id used before, or one to resume that never was, in the real one's words."""
        there = os.path.exists(self._transcript)
        if self.resumed and not there:
            trouble = f"No conversation found with session ID: {self.session}"
            sys.stderr.write(trouble + "\n")
            self.line(
                type="result", subtype="error_during_execution", is_error=True, errors=[trouble], num_turns=0,
                session_id=self.session, total_cost_usd=0, usage={}, modelUsage={}, permission_denials=[],
            )  # fmt: skip
            self.leave(1)
        if not self.resumed and there and "--session-id" in self.argv:
            sys.stderr.write(f"Error: Session ID {self.session} is already in use.\n")
            self.leave(1)
        if there:
            with open(self._transcript) as file:
                self.cost = json.load(file)["cost"]
        self._keep()

    def _keep(self) -> None:
        with open(self._transcript, "w") as file:
            json.dump({"cost": self.cost}, file)

    # Output

    def write(self, data: bytes, fd: int = 1) -> None:
        """Write all of `data`, whatever a pipe takes at once."""
        while data:
            data = data[os.write(fd, data) :]

    def line(self, **fields: object) -> None:
        """Print one JSON line."""
        self.write(json.dumps(fields).encode() + b"\n")

    def message(self, *content: dict[str, Any]) -> bytes:
        """Return an assistant line with an id of its own."""
        self.number += 1
        message = {"id": f"msg_{os.getpid()}_{self.number}", "role": "assistant", "content": list(content)}
        return (
            json.dumps({"type": "assistant", "message": message, "session_id": self.session}).encode() + b"\n"
        )

    # Steps

    def say(self, text: str) -> None:
        """Say one text."""
        self.write(self.message({"type": "text", "text": text}))

    def stream(self, text: str) -> None:
        """Say one text word by word, then whole, as the real one does."""
        first, *others = text.split(" ")
        self._in_pieces(text, [first, *(f" {word}" for word in others)])

    def spelt(self, text: str) -> None:
        """Say one text letter by letter, then whole."""
        self._in_pieces(text, list(text))

    def slowly(self, text: str) -> None:
        """Print text that is no JSON byte by byte, so that each is read by itself."""
        for byte in text.encode():
            self.write(bytes([byte]))
            time.sleep(0.002)

    def _in_pieces(self, text: str, pieces: list[str]) -> None:
        whole = json.loads(self.message({"type": "text", "text": text}))
        identity = whole["message"]["id"]
        start = {"type": "message_start", "message": {"id": identity}}
        self.line(type="stream_event", event=start)
        for piece in pieces:
            delta = {"type": "text_delta", "text": piece}
            self.line(type="stream_event", event={"type": "content_block_delta", "index": 0, "delta": delta})
        self.line(**whole)
        self.line(type="stream_event", event={"type": "message_stop"})

    def texts(self, count: int) -> None:
        """Say so many numbered texts."""
        self._many(count, lambda number: self.message({"type": "text", "text": f"text {number}"}))

    def lines(self, count: int) -> None:
        """Print so many numbered lines that are no JSON."""
        self._many(count, lambda number: f"line {number}\n".encode())

    def _many(self, count: int, make: Callable[[int], bytes]) -> None:
        held: list[bytes] = []
        for number in range(1, count + 1):
            held.append(make(number))
            if len(held) == 500:
                self.write(b"".join(held))
                held.clear()
        self.write(b"".join(held))

    def tool(self, name: str) -> None:
        """Call a tool, and have its result."""
        call = f"toolu_{self.number}"
        self.write(self.message({"type": "tool_use", "id": call, "name": name, "input": {"n": self.number}}))
        result = {"type": "tool_result", "tool_use_id": call, "content": f"{name} was here"}
        self.line(type="user", message={"role": "user", "content": [result]})

    def print(self, text: str) -> None:
        """Print exactly this."""
        self.write(text.encode("utf-8", "surrogateescape"))

    def hex(self, digits: str) -> None:
        """Print exactly these bytes."""
        self.write(bytes.fromhex(digits))

    def file(self, path: str) -> None:
        """Print a file, byte for byte."""
        with open(path, "rb") as source:
            while data := source.read(BLOCK):
                self.write(data)

    def through(self, how: dict[str, str]) -> None:
        """Do what takes a text (say, spelt, slowly, complain) with the content of a file."""
        for name, path in how.items():
            with open(path) as source:
                getattr(self, name)(source.read())

    def huge(self, size: int) -> None:
        """Print one line of so many bytes."""
        for start in range(0, size, BLOCK):
            self.write(b"x" * min(BLOCK, size - start))
        self.write(b"\n")

    def stderr(self, size: int) -> None:
        """Print so many bytes of complaints."""
        line = b"e" * 99 + b"\n"
        for start in range(0, size, 50_000):
            self.write((line * 500)[: min(50_000, size - start)], fd=2)

    def complain(self, text: str) -> None:
        """Print one line of complaint."""
        self.write(text.encode() + b"\n", fd=2)

    def wait(self, seconds: float) -> None:
        """Do nothing for a while."""
        time.sleep(seconds)

    def wait_for(self, path: str) -> None:
        """Do nothing until there is such a file."""
        while not os.path.exists(path):
            time.sleep(0.01)

    def touch(self, path: str) -> None:
        """Make an empty file; a relative path is in the workspace."""
        with open(path, "w"):
            pass

    def ignore(self, names: list[str]) -> None:
        """Ignore signals."""
        import signal

        for name in names:
            signal.signal(getattr(signal, name), signal.SIG_IGN)

    def fork(self, how: str) -> None:
        """Leave a sleeping child behind: a plain `child`, one in a `session` of its own, or a `daemon`."""
        if os.fork():
            return
        if how != "child":
            os.setsid()
        if how == "daemon" and os.fork():
            os._exit(0)
        self.note("child", how=how)
        time.sleep(300)
        os._exit(0)

    def dump(self, path: str) -> None:
        """Write down what we were given."""
        given = {
            "argv": self.argv,
            "env": dict(os.environ),
            "stdin": self.stdin.decode("utf-8", "surrogateescape"),
            "cwd": os.getcwd(),
        }
        with open(path, "w") as file:
            json.dump(given, file)

    def spend(self, dollars: float) -> None:
        """Cost something."""
        self.cost += dollars

    def kill(self, number: int) -> None:
        """Die of a signal."""
        os.kill(os.getpid(), number)

    def kill_worker(self, number: int) -> None:
        """Signal the worker this runs for: the parent of its supervisor."""
        with open(f"/proc/{os.getppid()}/stat") as stat:
            worker = int(stat.read().rpartition(")")[2].split()[1])
        os.kill(worker, number)
        self.wait(60)

    def result(self, fields: dict[str, Any] | None) -> None:
        """Print the result line, with these fields instead; nothing for null."""
        self.ended = True
        if fields is None:
            return
        usage = {"input_tokens": 10, "output_tokens": 5}
        base = {
            "type": "result", "subtype": "success", "is_error": False, "result": "done", "num_turns": 1,
            "duration_ms": 5, "session_id": self.session, "total_cost_usd": self.cost, "usage": usage,
            "permission_denials": [],
        }  # fmt: skip
        self.line(**{**base, **fields})
        self._keep()

    # The whole

    def run(self, script: dict[str, Any]) -> None:
        """Do one step after the other, then print a result and go."""
        self.open_session()
        if not script.get("quiet"):
            self.line(type="system", subtype="init", session_id=self.session, model="scripted",
                      claude_code_version=VERSION.split(maxsplit=1)[0])  # fmt: skip
        for step in script.get("steps", []):
            for name, argument in step.items():
                getattr(self, name)(argument)
        if not self.ended:
            self.result({})
        self.leave(script.get("exit", 0))

    def leave(self, code: int) -> None:
        """Write it down, and exit."""
        self.note("end", exit=code)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def script_of(stdin: bytes) -> dict[str, Any]:
    """Return the script in the prompt, else the one beside the program, else one that answers."""
    text = stdin.decode("utf-8", "replace")
    try:
        script: dict[str, Any] = json.loads(text[text.index("{") :])
    except ValueError:
        path = os.path.join(BESIDE, "script.json")
        if not os.path.exists(path):
            return {"steps": [{"say": f"You said: {text[-200:]}"}]}
        with open(path) as file:
            script = json.load(file)
    return script


def main() -> None:
    """Answer --version, or run the script."""
    if "--version" in sys.argv[1:]:
        path = os.path.join(BESIDE, "version.txt")
        if not os.path.exists(path):
            sys.stdout.write(f"{VERSION}\n")
            return
        with open(path) as file:
            sys.stdout.write(file.read())
        return
    stdin = sys.stdin.buffer.read()
    program = Program(sys.argv[1:], stdin)
    program.note("start", argv=sys.argv[1:], message=stdin[-200:].decode("utf-8", "replace"))
    program.run(script_of(stdin))


if __name__ == "__main__":
    main()
