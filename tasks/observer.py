"""The thread that watches over Leases and doorbells: control's first, a worker's where control fails to."""

import threading
import time

import structlog

from app.db import machines
from app.db.engine import Database
from app.domain.lease import LeaseWatch
from app.domain.machine import Role
from app.errors import Unavailable
from app.rescuer import Rescuer

log = structlog.get_logger()


class Observer:
    """A thread rather than a job: it must not need the Redis whose loss it makes good."""

    def __init__(
        self, rescuer: Rescuer, db: Database, role: Role, *, absent_after: float = machines.ALIVE_WITHIN
    ) -> None:
        self._rescuer = rescuer
        self._db = db
        self._role = role
        #: Control is judged as a Lease is: by a counter that grows, on our own clock.
        self._control = LeaseWatch(absent_after)
        #: How many sweeps succeeded.
        self.sweeps = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="observer", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def close(self) -> None:
        """Stop watching."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join(timeout=5)

    def _watch(self) -> None:
        while True:
            try:
                self._rescuer.sweep(on_duty=self._on_duty)
                self.sweeps += 1
            except Unavailable as error:
                log.warning("sweep_failed", error=error.message)
            except Exception:
                log.exception("sweep_failed")
            if self._ended.wait(self._rescuer.every):
                return

    def _on_duty(self) -> bool:
        if self._role is Role.CONTROL:
            return True
        sweeps = [(machine, 0, count) for machine, count in self._db.read(machines.sweeps)]
        return len(self._control.observe(sweeps, now=time.monotonic())) == len(sweeps)
