"""Leases judged by a counter and the observer's own monotonic clock; no wall clock has a say."""

from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass
class LeaseWatch:
    """Remembers when it first saw each running Task's (attempt, counter) pair unchanged.

    After a database outage every pair is simply seen again, so everyone waits one lease by itself.
    """

    lease_seconds: float
    _seen: dict[str, tuple[tuple[int, int], float]] = field(default_factory=dict)

    def observe(self, running: Iterable[tuple[str, int, int]], *, now: float) -> list[tuple[str, int, int]]:
        """Take (task id, attempt, counter) of all running Tasks; return those whose Lease ran out."""
        seen: dict[str, tuple[tuple[int, int], float]] = {}
        expired = []
        for task_id, attempt, counter in running:
            pair = (attempt, counter)
            known, since = self._seen.get(task_id, (pair, now))
            seen[task_id] = (pair, since if known == pair else now)
            if now - seen[task_id][1] > self.lease_seconds:
                expired.append((task_id, attempt, counter))
        self._seen = seen
        return expired

    def forget(self) -> None:
        """Start over, as after a failed look at the database."""
        self._seen.clear()
