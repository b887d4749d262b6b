"""The Keyring: what a Task's CLI signs in with, whether that can be used, and what its run tells of it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import structlog

from app.clock import utcnow
from app.credentials import Contents, Safe
from app.db import credentials
from app.db.engine import Database
from app.domain.agent import Agent
from app.domain.credential import Credential, CredentialState
from app.domain.reason import Reason, sentence
from app.domain.task import Task
from app.errors import ErrandError
from app.runner.adapters import adapter_for
from app.runner.endings import Ran
from app.security.crypto import Unreadable

log = structlog.get_logger()

_REASONS = {
    CredentialState.EXPIRED: Reason.CREDENTIAL_EXPIRED,
    CredentialState.REFUSED: Reason.CREDENTIAL_REFUSED,
}


class NotIssued(ErrandError):
    """A credential that the agent names cannot be used."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(sentence(reason, detail=detail), reason=reason)
        self.detail = detail


@dataclass(frozen=True)
class Blocked:
    """Why a Task has to wait: for which Credential, and what a person reads."""

    name: str
    reason: Reason
    detail: str


@dataclass(frozen=True, repr=False)
class Issue:
    """What one Attempt's CLI is given; `used` are the Credentials it signs in with, and their revisions."""

    variables: Mapping[str, str]
    #: Variables of the worker's environment that would be taken instead.
    without: frozenset[str] = frozenset()
    used: tuple[tuple[str, int], ...] = ()
    #: The refused Credential that this Attempt tries again.
    probed: str | None = None


class Keyring:
    """One worker's: its environment is a Credential too, known by a mark of the keys in it."""

    def __init__(
        self, db: Database, safe: Safe, environ: Mapping[str, str], *, mark: Callable[[str], str]
    ) -> None:
        self._db = db
        self._safe = safe
        self._environ = environ
        self._mark = mark

    def blocked(self, task: Task, agent: Agent) -> Blocked | None:
        """Return what keeps the Task from being run now."""
        rows = self._db.read(credentials.named, self._names(agent))
        for name in agent.credentials:
            why = self._why_not(rows.get(name), task)
            if why is not None:
                return Blocked(name, why, sentence(why, detail=repr(name)))
        environment = self._environment(agent, rows)
        row = rows.get(environment or "")
        if row is not None and self._why_not(row, task) is not None:
            return Blocked(row.name, Reason.CREDENTIAL_REFUSED, row.detail)
        return None

    def issue(self, task: Task, agent: Agent) -> Issue:
        """Return what the Attempt gets; raises NotIssued where that changed since `blocked` was asked."""
        # A CLI may come upon another agent's secret: none that there is may be shown.
        self._safe.secrets()
        rows = self._db.read(credentials.named, self._names(agent))
        opened = {name: self._opened(rows.get(name), name, task) for name in agent.credentials}
        environment = self._environment(agent, rows)
        signs_in = self._signing_in(agent, rows)
        used = [(row.name, row.revision) for row in signs_in]
        if environment is not None:
            used = [(environment, 1)]
        tried = [name for name, _ in used if name in rows and rows[name].probe_task == task.id]
        return Issue(
            variables={key: value for one in opened.values() for key, value in one.variables.items()},
            without=_signs_in_with(agent) if signs_in else frozenset(),
            used=tuple(used),
            probed=next(iter(tried), None),
        )

    def judge(self, issue: Issue, ran: Ran, task: Task) -> str | None:
        """Take what the run tells of its Credentials; return the one its Task goes back to wait for.

        Only the Task that was chosen to try a refused Credential again may go back, or mend it: what another
        one began earlier tells nothing of how it stands now.
        """
        if ran.cut is None and ran.outcome.reason is Reason.CLI_AUTH:
            for name, revision in issue.used:
                self._refuse(name, revision, task, ran.outcome.detail)
            return issue.probed
        if issue.probed is not None:
            if ran.outcome.state == "succeeded":
                self._db.write(credentials.mend, issue.probed)
                log.info("credential_mended", credential=issue.probed)
            else:
                self._db.write(credentials.postpone_probe, issue.probed)
        return None

    def _refuse(self, name: str, revision: int, task: Task, said: str) -> None:
        if ":" in name:
            told = sentence(Reason.CREDENTIAL_REFUSED, detail=f"of the workers' environment for {task.cli}")
            first = self._db.write(credentials.refuse_environment, name, detail=told)
        else:
            told = sentence(Reason.CREDENTIAL_REFUSED, detail=repr(name))
            first = self._db.write(credentials.refuse, name, revision, detail=told)
        if first:
            log.warning("credential_refused", credential=name, said=said[:300])

    def _why_not(self, row: Credential | None, task: Task) -> Reason | None:
        if row is None:
            return Reason.CREDENTIAL_MISSING
        if not self._safe.readable(row):
            return Reason.CREDENTIAL_UNREADABLE
        if row.probe_task == task.id:
            return None
        return _REASONS.get(row.stands(utcnow()))

    def _opened(self, row: Credential | None, name: str, task: Task) -> Contents:
        why = self._why_not(row, task)
        if row is None or why is not None:
            raise NotIssued(why or Reason.CREDENTIAL_MISSING, repr(name))
        try:
            return self._safe.open(row)
        except Unreadable:
            raise NotIssued(Reason.CREDENTIAL_UNREADABLE, repr(name)) from None

    def _names(self, agent: Agent) -> list[str]:
        return [*agent.credentials, *filter(None, [self._environment_name(agent)])]

    def _environment(self, agent: Agent, rows: Mapping[str, Credential]) -> str | None:
        """Return what the environment's keys are called, where the CLI signs in with them."""
        return None if any(self._signing_in(agent, rows)) else self._environment_name(agent)

    def _environment_name(self, agent: Agent) -> str | None:
        keys = sorted(_signs_in_with(agent) & set(agent.env))
        given = [f"{key}={self._environ[key]}" for key in keys if self._environ.get(key)]
        return f"environment:{agent.cli[:30]}:{self._mark(chr(0).join(given))[:12]}" if given else None

    def _signing_in(self, agent: Agent, rows: Mapping[str, Credential]) -> list[Credential]:
        found = _found(agent, rows)
        return [row for row in found if _signs_in_with(agent) & set(row.variables)]


def _found(agent: Agent, rows: Mapping[str, Credential]) -> Iterator[Credential]:
    return (rows[name] for name in agent.credentials if name in rows)


def _signs_in_with(agent: Agent) -> frozenset[str]:
    return adapter_for(agent.cli).signs_in_with
