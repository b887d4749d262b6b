"""What the end of a process alone tells, and what the end of its standard error adds."""

import signal as signals

from app.domain.event import Event, Stderr
from app.domain.reason import Reason
from app.runner.adapters import storable
from app.runner.adapters.lines import PIECE, LineSplitter
from app.runner.adapters.tail import Tail


def verdict(exit_code: int | None, signal: int | None, said: str = "") -> tuple[Reason, str] | None:
    """Return the reason and the detail of a bad end, None for a good one; `said` is its last word."""
    if signal is not None:
        return Reason.SIGNAL, signal_name(signal)
    if exit_code == 0:
        return None
    code = "unknown" if exit_code is None else str(exit_code)
    return Reason.EXIT_CODE, f"{code} ({said[:200]})" if said else code


def signal_name(number: int) -> str:
    """Return SIGKILL for 9."""
    try:
        return signals.Signals(number).name
    except ValueError:
        return f"signal {number}"


class Stderrs:
    """Standard error as Events, one a line."""

    def __init__(self) -> None:
        self._lines = LineSplitter(PIECE)
        self.tail = Tail()

    def feed(self, data: bytes) -> list[Event]:
        """Take what was read."""
        return [self._event(line.data) for line in self._lines.feed(data)]

    def finish(self) -> list[Event]:
        """Give what is left."""
        return [self._event(line.data) for line in self._lines.finish()]

    def _event(self, data: bytes) -> Event:
        said = storable.decoded(data)
        self.tail.add(said)
        return Stderr(text=said)
