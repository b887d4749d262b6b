"""The one tree of errors; expected outcomes of a run are values (see app.domain.reason), not these."""

from typing import ClassVar


class ErrandError(Exception):
    """Something was asked that cannot be done."""

    reason: ClassVar[str] = "error"

    def __init__(
        self, message: str | None = None, *, reason: str | None = None, retry_after: float | None = None
    ) -> None:
        self.message = message or (type(self).__doc__ or "").splitlines()[0]
        self.code = reason or type(self).reason
        #: Seconds after which asking again may help.
        self.retry_after = retry_after
        super().__init__(self.message)


class Invalid(ErrandError):
    """The input is not valid."""

    reason = "invalid"


class NotFound(ErrandError):
    """There is no such thing."""

    reason = "not_found"


class Unauthorized(ErrandError):
    """Sign in first."""

    reason = "unauthorized"


class Forbidden(ErrandError):
    """You may not do this."""

    reason = "forbidden"


class Conflict(ErrandError):
    """The state does not allow this now."""

    reason = "conflict"


class TooLarge(ErrandError):
    """The input is too large."""

    reason = "too_large"


class TooMany(ErrandError):
    """Too many requests or queued tasks; try again later."""

    reason = "too_many"


class Unavailable(ErrandError):
    """The database cannot be reached right now; try again shortly."""

    reason = "unavailable"


class Locked(Unavailable):
    """Somebody else is writing to this row right now; try again shortly."""

    reason = "locked"


class LeaseLost(ErrandError):
    """This Attempt no longer owns its Task; its write was refused."""

    reason = "lease_lost"


class SchemaMismatch(ErrandError):
    """The database's schema does not fit this version of Errand."""

    reason = "schema_mismatch"
