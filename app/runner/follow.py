"""Stay with one CLI process: read, parse, store, and end it when it is time."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from app.domain.reason import Reason
from app.process import Process
from app.runner.adapters.base import Parser
from app.runner.endings import Cut, Ran
from app.runner.held import Held, Stop
from app.runner.transcript import Transcript

#: Seconds a CLI gets between SIGTERM and SIGKILL.
KILL_AFTER = 2.0


@dataclass(frozen=True)
class Limits:
    """What one run may use: seconds in all, seconds without a byte, bytes printed."""

    timeout: float
    idle_timeout: float
    output: int


class Follower:
    """Reads one CLI until nothing of it is left; the pipe waits while a batch is stored."""

    def __init__(
        self,
        process: Process,
        parser: Parser,
        *,
        transcript: Transcript,
        held: Held,
        limits: Limits,
        grace: Callable[[], float],
        began: Callable[[], None],
    ) -> None:
        self._process = process
        self._parser = parser
        self._transcript = transcript
        self._held = held
        self._limits = limits
        #: Seconds a run may still go on once the worker shuts down.
        self._grace = grace
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
            self._end(keep=cut is None or cut.reason is not Reason.OUTPUT_LIMIT)
        code, signal = (
            (self._process.exit.code, self._process.exit.signal) if self._process.exit else (None, 9)
        )
        events, outcome = self._parser.finish(exit_code=code, signal=signal)
        self._transcript.append(events)
        return Ran(stopped or outcome, cut, code if signal is None else -signal)

    def _now(self) -> float:
        """Return a clock that stands still while the tree does."""
        return time.monotonic() - self._held.frozen_for

    def _wait(self) -> float:
        now = self._now()
        wall = self._started + self._limits.timeout - now
        idle = self._heard + self._limits.idle_timeout - now
        patience = 1.0 if self._held.frozen else min(wall, idle, 60.0)
        if self._held.stop is Stop.INTERRUPTED:
            patience = min(patience, self._grace())
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
        events = [*self._parser.feed_stderr(stderr), *self._parser.feed(stdout)]
        self._transcript.append(events, stdout)
        # Storing may have taken long, and the CLI had to wait for it.
        self._heard = self._now()

    def _reason_to_end(self) -> Cut | None:
        if self._process.exit is not None:
            return None
        if self._held.stop is Stop.CANCELLED:
            return Cut(Reason.CANCELLED)
        if self._held.stop is not None and self._grace() <= 0:
            return Cut(Reason.INTERRUPTED)
        return None if self._held.frozen else self._limit_reached(self._now())

    def _limit_reached(self, now: float) -> Cut | None:
        if self._printed > self._limits.output:
            return Cut(Reason.OUTPUT_LIMIT, f"{self._limits.output / 1024**2:g} MB")
        if now - self._started >= self._limits.timeout:
            return Cut(Reason.TIMEOUT, f"{self._limits.timeout:g} s")
        if now - self._heard >= self._limits.idle_timeout:
            return Cut(Reason.IDLE_TIMEOUT, f"{self._limits.idle_timeout:g} s")
        return None

    def _end(self, *, keep: bool) -> None:
        """SIGTERM, a last chance to print, SIGKILL; the tree is gone when this returns."""
        self._process.terminate()
        deadline = time.monotonic() + KILL_AFTER
        while self._process.exit is None and (left := deadline - time.monotonic()) > 0:
            self._take(left, keep=keep)
        self._process.kill()
        deadline = time.monotonic() + KILL_AFTER
        while self._process.exit is None and (left := deadline - time.monotonic()) > 0:
            self._take(left, keep=keep)
