"""Stay with one CLI process: read, parse, store, and end it when it is time."""

import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

from app.domain.event import Event
from app.domain.reason import Reason
from app.process import Process
from app.runner.adapters.base import Cleaner, Parser
from app.runner.endings import Cut, Ran
from app.runner.held import Held, Stop
from app.runner.transcript import Transcript
from app.runner.watch import GLANCE, Watch

#: Seconds a CLI gets between SIGTERM and SIGKILL.
KILL_AFTER = 2.0
#: Bytes parsed at once, and Events kept before they are stored: what a flood of empty lines costs in memory.
SLICE = 16 * 1024
MANY = 4096
#: What takes so much of the machine that it gets no time to say goodbye.
_AT_ONCE = frozenset({Reason.MEMORY_LIMIT, Reason.PROCESS_LIMIT, Reason.WORKSPACE_LIMIT})
#: What a platform sends to all processes at once when it stops a worker, the CLIs included; and how many
#: seconds after a CLI fell to it the worker may hear of its own.
_SHUTDOWN_SIGNALS = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGHUP})
_HEARD_WITHIN = 1.0


@dataclass(frozen=True)
class Limits:
    """What one run may use: seconds in all, seconds without a byte, bytes printed, Events made."""

    timeout: float
    idle_timeout: float
    output: int
    events: int


class Follower:
    """Reads one CLI until nothing of it is left; the pipe waits while a batch is stored."""

    def __init__(
        self,
        process: Process,
        parser: Parser,
        *,
        cleaner: Cleaner,
        stderr: Cleaner,
        transcript: Transcript,
        held: Held,
        limits: Limits,
        watch: Watch,
        began: Callable[[], None],
    ) -> None:
        self._process = process
        self._parser = parser
        #: Between what is read and everything else: parser, rows, Redis, logs.
        self._stdout = cleaner
        self._stderr = stderr
        self._transcript = transcript
        self._held = held
        self._limits = limits
        self._watch = watch
        #: Called once, when the CLI has printed something.
        self._began = began
        self._started = self._heard = self._now()
        self._printed = 0

    def follow(self) -> Ran:
        """Return how the run went, with everything it printed stored; raises LeaseLost when it isn't ours."""
        cut: Cut | None = None
        while self._process.exit is None and cut is None and self._parser.stop is None:
            self._take(self._wait())
            cut = self._reason_to_end()
        stopped = self._parser.stop
        if self._process.exit is None:
            gently = cut is None or cut.reason not in _AT_ONCE
            self._end(keep=cut is None or cut.reason is not Reason.OUTPUT_LIMIT, gently=gently)
        self._store(self._stderr.finish(), self._parser.feed_stderr, raw=False)
        self._store(self._stdout.finish(), self._parser.feed, raw=True)
        code, number = (
            (self._process.exit.code, self._process.exit.signal) if self._process.exit else (None, 9)
        )
        events, outcome = self._parser.finish(exit_code=code, signal=number)
        self._transcript.append(events)
        if cut is None and stopped is None and outcome.state == "failed" and self._fell_with_us(code, number):
            cut = Cut(Reason.INTERRUPTED)
        return Ran(stopped or outcome, cut, code if number is None else -number)

    def _fell_with_us(self, code: int | None, number: int | None) -> bool:
        """Whether a signal for this worker reached the CLI too, be it a moment earlier."""
        # 128 + N is what a shell, and many a CLI that caught it, makes of signal N.
        if number not in _SHUTDOWN_SIGNALS and (code or 0) - 128 not in _SHUTDOWN_SIGNALS:
            return False
        if not self._held.closing:
            self._held.pause(_HEARD_WITHIN)
        return self._held.closing

    def _now(self) -> float:
        """Return a clock that stands still while the tree does."""
        return time.monotonic() - self._held.frozen_for

    def _wait(self) -> float:
        now = self._now()
        wall = self._started + self._limits.timeout - now
        idle = self._heard + self._limits.idle_timeout - now
        patience = 1.0 if self._held.frozen else min(wall, idle, GLANCE)
        if self._held.stop is Stop.INTERRUPTED:
            patience = min(patience, self._held.grace())
        return max(0.0, patience)

    def _take(self, timeout: float, *, keep: bool = True) -> None:
        output = self._process.read(timeout)
        if not (output.stdout or output.stderr):
            return
        if not self._printed:
            self._began()
        room = max(0, self._limits.output - self._printed) if keep else 0
        self._printed += len(output.stdout) + len(output.stderr)
        stdout, stderr = output.stdout[:room], output.stderr[: max(0, room - len(output.stdout))]
        self._store(self._stderr.feed(stderr), self._parser.feed_stderr, raw=False)
        self._store(self._stdout.feed(stdout), self._parser.feed, raw=True)
        # Storing may have taken long, and the CLI had to wait for it.
        self._heard = self._now()

    def _store(self, data: bytes, feed: Callable[[bytes], list[Event]], *, raw: bool) -> None:
        """Parse and store a slice at a time where it makes many Events, and all at once where it doesn't."""
        events: list[Event] = []
        stored = 0
        for end in range(SLICE, len(data) + SLICE, SLICE):
            events += feed(data[end - SLICE : end])
            if len(events) >= MANY or end >= len(data):
                self._transcript.append(events, data[stored:end] if raw else b"")
                events, stored = [], end

    def _reason_to_end(self) -> Cut | None:
        if self._process.exit is not None:
            return None
        if self._held.stop is Stop.CANCELLED:
            return Cut(Reason.CANCELLED)
        if self._held.stop is not None and self._held.grace() <= 0:
            return Cut(Reason.INTERRUPTED)
        return None if self._held.frozen else self._limit_reached(self._now())

    def _limit_reached(self, now: float) -> Cut | None:
        if self._printed > self._limits.output:
            return Cut(Reason.OUTPUT_LIMIT, f"{self._limits.output / 1024**2:g} MB (ERRAND_OUTPUT_LIMIT)")
        if self._transcript.appended > self._limits.events:
            return Cut(Reason.OUTPUT_LIMIT, f"{self._limits.events:,} events (ERRAND_EVENT_LIMIT)")
        if now - self._started >= self._limits.timeout:
            return Cut(Reason.TIMEOUT, f"{self._limits.timeout:g} s")
        if now - self._heard >= self._limits.idle_timeout:
            return Cut(Reason.IDLE_TIMEOUT, f"{self._limits.idle_timeout:g} s")
        return self._watch.over()

    def _end(self, *, keep: bool, gently: bool) -> None:
        """SIGTERM and a last chance to print, then SIGKILL; the tree is gone when this returns."""
        if gently:
            self._process.terminate()
        deadline = time.monotonic() + (KILL_AFTER if gently else 0)
        while self._process.exit is None and (left := deadline - time.monotonic()) > 0:
            self._take(left, keep=keep)
        self._process.kill()
        deadline = time.monotonic() + KILL_AFTER
        while self._process.exit is None and (left := deadline - time.monotonic()) > 0:
            self._take(left, keep=keep)
