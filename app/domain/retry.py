"""When a failed run is worth another one, and after how long."""

from app.domain.reason import TRANSIENT, Reason

#: Seconds before the 2nd, 3rd, 4th ... try after a transient failure.
BACKOFF = (5.0, 15.0, 30.0, 60.0, 120.0)
#: A provider that asks for a longer pause than this gets this; a person may retry sooner.
LONGEST_PAUSE = 6 * 3600.0


def pause_before_retry(
    reason: Reason | None, *, failures: int, max_attempts: int, retry_after: float | None = None
) -> float | None:
    """Return the seconds to wait before the next Attempt, or None where the failure is final.

    `failures` counts the Attempts that ended badly, this one included.
    """
    if reason not in TRANSIENT or failures >= max_attempts:
        return None
    backoff = BACKOFF[min(failures, len(BACKOFF)) - 1]
    return min(max(backoff, retry_after or 0.0), LONGEST_PAUSE)
