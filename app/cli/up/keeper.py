"""Keep one process running: start it again when it dies by itself, end it when asked to."""

import time
from collections.abc import Callable

from app.cli.up.services import Service
from app.errors import ErrandError
from app.process import Child, Exit

_FIRST_PAUSE = 0.2
_LONGEST_PAUSE = 30.0
#: Seconds after which a process that died counts as one that had worked.
_WORKED = 60.0


class Keeper:
    """One service and the process that is it right now."""

    def __init__(
        self, service: Service, start: Callable[[Service], Child], say: Callable[[str], None]
    ) -> None:
        self.name = service.name
        #: How often in a row it died soon after its start.
        self.failures = 0
        self._service = service
        self._start = start
        self._say = say
        self._child: Child | None = None
        self._started = 0.0
        self._due = 0.0
        self._stopping = False

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self._child.pid if self._child is not None else None

    @property
    def ended(self) -> bool:
        """Whether nothing of it is left."""
        return self._child is None or self._child.poll() is not None

    def start(self) -> None:
        """Start it now."""
        self._started = time.monotonic()
        self._child = self._start(self._service)

    def look(self) -> bool:
        """Start it again if it has died and its pause is over; tell whether it was started."""
        now = time.monotonic()
        if self._stopping or (self._child is not None and self._child.poll() is None):
            return False
        if self._child is not None:
            self._mourn(self._child, now)
        return now >= self._due and self._start_again(now)

    def _start_again(self, now: float) -> bool:
        """Start it; where that fails for now (no memory, an upgrade half done) try again after a pause."""
        try:
            self.start()
        except (ErrandError, OSError) as error:
            self._wait(now)
            self._say(f"{self.name} could not be started ({error}); trying again ...")
            return False
        return True

    def stop(self) -> None:
        """Ask it to end by itself, once."""
        if not self._stopping and self._child is not None:
            self._child.terminate()
        self._stopping = True

    def close(self) -> None:
        """End it and everything it started, now, and wait until nothing is left."""
        self._stopping = True
        if self._child is not None:
            self._child.close()

    def _mourn(self, child: Child, now: float) -> None:
        if now - self._started > _WORKED:
            self.failures = 0
        self._wait(now)
        self._say(f"{self.name} ended by itself ({_how(child.poll())}); starting it again ...")
        child.close()
        self._child = None

    def _wait(self, now: float) -> None:
        self.failures += 1
        self._due = now + min(_FIRST_PAUSE * 2 ** (self.failures - 1), _LONGEST_PAUSE)


def _how(end: Exit | None) -> str:
    if end is None:
        return "unknown"
    return f"status {end.code}" if end.signal is None else f"signal {end.signal}"
