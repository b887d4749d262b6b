"""How a program ended."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Exit:
    """The end of a main process: an exit code, or the signal that ended it."""

    code: int | None = None
    signal: int | None = None
    #: Somebody killed the supervisor; what was left of the tree was ended by its mark.
    supervisor_lost: bool = False
