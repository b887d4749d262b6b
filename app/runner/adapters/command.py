"""The Adapter for any program: the agent's own argv, the prompt on stdin, its output as it comes."""

from collections.abc import Mapping

from app.domain.agent import PLACEHOLDER
from app.domain.event import Event, Raw
from app.runner.adapters import storable
from app.runner.adapters.base import Outcome, Run
from app.runner.adapters.exits import Stderrs, verdict
from app.runner.adapters.lines import PIECE, LineSplitter
from app.runner.adapters.tail import Tail
from app.security.redact import Redactor, Stream


class CommandAdapter:
    """Runs a program nothing is known about."""

    resumes = False
    #: What it needs is known to its agent.toml alone, and why it failed to nobody.
    signs_in_with: frozenset[str] = frozenset()

    def __init__(self, program: str) -> None:
        self.program = program

    def argv(self, run: Run) -> list[str]:
        """Return the agent's `args` with their placeholders filled; nothing the user wrote is one of them."""
        values = {
            "model": run.agent.model,
            "max_turns": run.agent.max_turns,
            "session_id": run.session_id,
        }
        return [PLACEHOLDER.sub(lambda found: str(values[found[1]]), arg) for arg in run.agent.args]

    def env(self, run: Run) -> Mapping[str, str]:  # noqa: ARG002 - a program of which nothing is known
        """Return nothing: the program is not known."""
        return {}

    def stdin(self, run: Run) -> bytes:
        """Return the message as it was written."""
        return run.message.encode("utf-8", "replace")

    def cleaner(self, redactor: Redactor) -> Stream:
        """Return a cleaner of any bytes."""
        return redactor.stream()

    def parser(self, run: Run) -> "CommandParser":
        """Return a parser that only cuts lines."""
        return CommandParser(run)


class CommandParser:
    """Every line is a Raw; the exit decides, and the end of the output is the result."""

    #: A program that is not known gives no reason to end it early.
    stop: Outcome | None = None

    def __init__(self, run: Run) -> None:
        self._run = run
        self._lines = LineSplitter(PIECE)
        self._tail = Tail()
        self._stderr = Stderrs()

    def feed(self, stdout: bytes) -> list[Event]:
        """Take bytes of standard output."""
        return [self._event(line.data) for line in self._lines.feed(stdout)]

    def feed_stderr(self, data: bytes) -> list[Event]:
        """Take bytes of standard error."""
        return self._stderr.feed(data)

    def finish(self, *, exit_code: int | None, signal: int | None) -> tuple[list[Event], Outcome]:
        """Judge by the exit."""
        events = [*(self._event(line.data) for line in self._lines.finish()), *self._stderr.finish()]
        bad = verdict(exit_code, signal, self._stderr.tail.last_line)
        reason, detail = bad or (None, "")
        return events, Outcome(
            state="failed" if bad else "succeeded",
            reason=reason,
            detail=detail,
            result=self._tail.text or None,
            cli_cost_usd=self._run.previous_cost_usd,
        )

    def _event(self, data: bytes) -> Event:
        said = storable.decoded(data)
        self._tail.add(said)
        return Raw(text=said)
