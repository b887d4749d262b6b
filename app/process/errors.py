"""Why a program could not be started; each carries the reason its Attempt ends with."""

from app.domain.reason import Reason, sentence
from app.errors import ErrandError


class StartFailed(ErrandError):
    """The program could not be started."""

    reason = Reason.INTERNAL

    def __init__(self, *, cli: str = "the CLI", detail: str = "") -> None:
        self.detail = detail
        super().__init__(sentence(Reason(type(self).reason), cli=cli, detail=detail))


class ProgramMissing(StartFailed):
    """The program is not on the PATH it was looked for on."""

    reason = Reason.CLI_MISSING


class ProgramNotExecutable(StartFailed):
    """The program is there, but the system does not run it."""

    reason = Reason.CLI_NOT_EXECUTABLE


class LeaseLapsed(StartFailed):
    """The lease it was to run under had run out before it was started; nothing was."""


class WorkspaceUnusable(StartFailed):
    """The working directory is missing, is none, or cannot be entered or written."""

    reason = Reason.WORKSPACE_UNUSABLE
