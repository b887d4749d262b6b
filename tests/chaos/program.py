"""The `claude` of the chaos run: prints numbered lines and records, outside the workspace, that it is alive.

It stands alone (standard library, few imports) and is copied to a place on PATH. Each process of its tree
appends to a file of its own, named by the mark it inherited: when it began, every heartbeat, what it had
printed, how it ended. Times are of the machine's one monotonic clock, so that files can be compared.
"""

# pathlib alone takes longer to import than the rest of this takes to run.
# ruff: noqa: PTH100, PTH118, PTH120

import json
import os
import signal
import sys
import time
from typing import Any

RECORDS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(sys.argv[0]))), "records")
#: Seconds between two heartbeats, and after which a process that everybody forgot goes by itself.
BEAT = 0.05
LONGEST_LIFE = 300.0
#: Lines written at once: together they are less than what a pipe takes in one piece.
AT_ONCE = 10


class Recording:
    """What one process of the tree tells of itself; a line is one write."""

    def __init__(self, role: str) -> None:
        _, task, attempt, run = os.environ.get("ERRAND_MARK", ":::").split(":")
        name = f"{task}_{attempt}_{run}_{role}"
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        self._file = os.open(os.path.join(RECORDS, name), flags, 0o644)
        self._points = os.open(os.path.join(RECORDS, "points"), flags, 0o644)
        self.note("start", os.getpid())

    def note(self, word: str, *more: object) -> None:
        """Append one line, with the time first."""
        line = " ".join(map(str, (f"{time.monotonic():.4f}", word, *more)))
        os.write(self._file, line.encode() + b"\n")

    def point(self, name: str) -> None:
        """Tell the driver where the run is."""
        os.write(self._points, f"{name} {os.getpid()}\n".encode())

    def live(self, seconds: float) -> None:
        """Beat for so long."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self.note("beat")
            time.sleep(min(BEAT, left))


def fork(how: str, number: int) -> None:
    """Leave a child behind that beats: a plain `child`, one in a `session` of its own, or a `daemon`."""
    pid = os.fork()
    if pid:
        if how == "daemon":
            os.waitpid(pid, 0)
        return
    if how != "child":
        os.setsid()
    if how == "daemon":
        if os.fork():
            os._exit(0)
        os.closerange(0, 64)
    Recording(f"{how}{number}").live(LONGEST_LIFE)
    os._exit(0)


class Run:
    """One run of the plan that is in the prompt."""

    def __init__(self, plan: dict[str, Any], session: str) -> None:
        self.plan = plan
        self.session = session
        self.recording = Recording("main")

    def line(self, **fields: object) -> bytes:
        """Return one line as the real one prints them."""
        return json.dumps({**fields, "session_id": self.session}).encode() + b"\n"

    def say(self, first: int, last: int) -> None:
        """Print numbered texts; what is recorded as printed was printed."""
        for start in range(first, last + 1, AT_ONCE):
            numbers = range(start, min(last, start + AT_ONCE - 1) + 1)
            os.write(1, b"".join(self.text(number) for number in numbers))
            self.recording.note("printed", numbers[-1])

    def text(self, number: int) -> bytes:
        """Return one numbered text."""
        content = [{"type": "text", "text": f"line {number}"}]
        return self.line(
            type="assistant", message={"id": f"m{number}", "role": "assistant", "content": content}
        )

    def go(self) -> None:
        """Do what the plan says."""
        plan, recording = self.plan, self.recording
        if plan["deaf"]:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        recording.point("started")
        os.write(1, self.line(type="system", subtype="init", model="chaos"))
        for number, how in enumerate(plan["forks"]):
            fork(how, number)
        printed = 0
        for burst in plan["bursts"]:
            self.say(printed + 1, printed + burst)
            printed += burst
            recording.live(plan["pause"])
        if plan["daemon_at_end"]:
            fork("daemon", 9)
        self.leave(printed)

    def leave(self, printed: int) -> None:
        """Print the result and exit, both within reach of a fault that waits for this point."""
        self.recording.point("result")
        failed = self.plan["exit"] != 0
        if not failed:
            usage = {"input_tokens": 10, "output_tokens": printed}
            fields = {"subtype": "success", "is_error": False, "result": f"printed {printed}", "usage": usage}
            os.write(1, self.line(type="result", **fields, total_cost_usd=0.01, num_turns=1, duration_ms=5))
        self.recording.live(self.plan["linger"])
        self.recording.note("end", self.plan["exit"])
        os._exit(self.plan["exit"])


def main() -> None:
    """Answer --version, or run the plan."""
    if "--version" in sys.argv:
        os.write(1, b"2.1.330 (Claude Code)\n")
        return
    prompt = sys.stdin.buffer.read()
    plan = json.loads(prompt[prompt.index(b"{") :])
    flag = "--resume" if "--resume" in sys.argv else "--session-id"
    Run(plan, sys.argv[sys.argv.index(flag) + 1]).go()


if __name__ == "__main__":
    main()
