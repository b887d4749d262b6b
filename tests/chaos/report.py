"""The table of a run."""

from collections import Counter
from collections.abc import Sequence

from tests.chaos.evidence import Evidence
from tests.chaos.promises import Promise

#: Lines of what speaks against one promise.
_SHOWN = 12


def table(promises: Sequence[Promise]) -> str:
    """Return promise | figure | limit, and below it what was broken."""
    lines = ["| promise | figure | limit | |", "|---|---|---|---|"]
    lines += [f"| {p.name} | {p.figure} | {p.limit} | {'kept' if p.kept else 'BROKEN'} |" for p in promises]
    for promise in promises:
        if not promise.kept:
            lines += ["", f"{promise.name}:"]
            lines += [f"  {line}" for line in promise.against[:_SHOWN]]
            if len(promise.against) > _SHOWN:
                lines.append(f"  and {len(promise.against) - _SHOWN} more")
    return "\n".join(lines)


def happened(evidence: Evidence) -> str:
    """Return what was done and how the Tasks ended, in a few lines."""
    done = [played for played in evidence.played if not played.note]
    kinds = Counter(f"{p.fault.target.partition('-')[0]}: {p.fault.kind}" for p in done)
    states = Counter(told.task["state"] for told in evidence.told.values())
    attempts = Counter(a["state"] for told in evidence.told.values() for a in told.attempts.values())
    lines = [
        f"faults: {len(done)} done, {len(evidence.played) - len(done)} found nothing to hit",
        "  " + ", ".join(f"{kind} {count}" for kind, count in sorted(kinds.items())),
        f"tasks: {_counts(states)}; attempts: {_counts(attempts)}",
        f"settled {evidence.settled_after:.1f} s after the last fault was healed"
        if evidence.settled_after is not None
        else "NOT settled",
    ]
    if evidence.errors:
        lines.append(f"errors in the logs ({len(evidence.errors)}):")
        lines += [f"  {count} x {line}" for line, count in Counter(evidence.errors).most_common(_SHOWN)]
    return "\n".join(lines)


def _counts(counted: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counted.items()))
