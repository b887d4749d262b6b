"""How far a CLI is kept from everything else, and which of that a Task needs; pure."""

from enum import IntEnum
from typing import Literal

Wanted = Literal["required", "auto", "off"]
Network = Literal["open", "proxy", "none"]


class Level(IntEnum):
    """What stands between a CLI and the worker's machine. docs/security.md says what each one stops."""

    #: A chosen environment, directories of its own, limits. Always.
    LIMITS = 0
    #: And a user of its own, where the worker is root.
    USER = 1
    #: And bubblewrap: it sees the system, itself and its own directories, and nothing else.
    CAGE = 2

    @property
    def label(self) -> str:
        """How rows, the API and people call it."""
        return f"level-{self.value}"


def lowest(wanted: Wanted, network: Network, *, from_outside: bool, floor: Level) -> Level:
    """Return the level below which the Task does not run; `from_outside`: its text is a stranger's."""
    asked = Level.CAGE if wanted == "required" or network == "none" else Level.LIMITS
    return max(asked, floor) if from_outside else asked


def candidates(wanted: Wanted, least: Level) -> list[Level]:
    """Return the levels to try, best first: `off` takes no more than it must."""
    if wanted == "off":
        return [least]
    return [level for level in sorted(Level, reverse=True) if level >= least]
