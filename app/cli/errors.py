"""Why a command could not be carried out, and the exit statuses; docs/cli.md lists them."""

from app.errors import ErrandError

COMPLETED = 0
FAILED = 1
#: Wrong usage, refused by the server, or no connection to it.
NOT_DONE = 2
#: Nobody follows the Task any more; it goes on.
DETACHED = 3
CANCELLED = 130
#: Who read our output has gone, as for every program in a pipe.
PIPE_CLOSED = 141

#: The exit status that goes with each final state of a Task.
OUTCOMES = {"completed": COMPLETED, "failed": FAILED, "cancelled": CANCELLED}


class NotReachable(ErrandError):
    """No server answers."""

    reason = "not_reachable"


class Refused(ErrandError):
    """The server answered with an error."""

    reason = "refused"

    def __init__(self, message: str, *, status: int, reason: str | None = None) -> None:
        super().__init__(message, reason=reason)
        self.status = status
