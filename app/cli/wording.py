"""How numbers and states read in a terminal."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

BOLD, DIM, RED, GREEN, YELLOW, CYAN = (f"\x1b[{code}m" for code in (1, 2, 31, 32, 33, 36))

STATE_STYLES = {
    "queued": "dim",
    "running": "cyan",
    "completed": "green",
    "failed": "red",
    "cancelled": "yellow",
}


def duration(seconds: float | None) -> str:
    """Say how long something took."""
    if seconds is None:
        return ""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def age(since: str, now: datetime) -> str:
    """Say how long ago the time `since` was, in its largest unit."""
    seconds = max(0.0, (now - datetime.fromisoformat(since)).total_seconds())
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def dollars(amount: float) -> str:
    """Say what something cost; small amounts to the hundredth of a cent."""
    return f"${amount:.2f}" if amount >= 1 or not amount else f"${amount:.4f}"


def tokens(counts: Mapping[str, int]) -> str:
    """Say how many tokens went in and out; nothing where none were counted."""
    cached = counts.get("cache_read", 0) + counts.get("cache_write", 0)
    into, out = counts.get("input", 0), counts.get("output", 0)
    if not (into or out or cached):
        return ""
    return f"{into:,} tokens in{f' (+{cached:,} cached)' if cached else ''}, {out:,} out"


def summary(task: Mapping[str, Any], turns: int | None) -> str:
    """Say how a Task ended, in one line."""
    took = duration(task["duration_s"])
    parts = [
        f"{task['state']} in {took}" if took else str(task["state"]),
        f"{turns} turn{'s' if turns != 1 else ''}" if turns is not None else "",
        dollars(task["cost_usd"]),
        tokens(task["tokens"]),
    ]
    return " · ".join(part for part in parts if part)
