"""Leases judged by a counter and the observer's own monotonic clock; no wall clock has a say."""

from collections.abc import Iterable
from dataclasses import dataclass, field

#: Seconds between two looks of an observer that is awake, at the most.
LONGEST_GAP = 10.0


@dataclass
class LeaseWatch:
    """Remembers when it first saw each (number, counter) pair unchanged.

    After a database outage, or when it stood still itself, every pair is simply seen again: who holds a Lease
    may not have been able to renew either, so everyone waits one lease by itself.
    """

    lease_seconds: float
    _seen: dict[str, tuple[tuple[int, int], float]] = field(default_factory=dict)
    _looked: float | None = None

    def observe(
        self, held: Iterable[tuple[str, int, int]], *, now: float, longer: float = 0.0
    ) -> list[tuple[str, int, int]]:
        """Take (id, number, counter) of all that is held; return those whose Lease ran out `longer` ago."""
        if self._looked is not None and now - self._looked > max(self.lease_seconds / 2, LONGEST_GAP):
            self.forget()
        self._looked = now
        seen: dict[str, tuple[tuple[int, int], float]] = {}
        expired = []
        for identifier, number, counter in held:
            pair = (number, counter)
            known, since = self._seen.get(identifier, (pair, now))
            seen[identifier] = (pair, since if known == pair else now)
            if now - seen[identifier][1] > self.lease_seconds + longer:
                expired.append((identifier, number, counter))
        self._seen = seen
        return expired

    def forget(self, identifier: str | None = None) -> None:
        """Start over, with one or (after a failed look at the database) with all."""
        if identifier is None:
            self._seen.clear()
        else:
            self._seen.pop(identifier, None)
