"""From how a run went to what becomes of its Task; pure."""

from dataclasses import dataclass, replace
from datetime import timedelta

from app.clock import utcnow
from app.db.runs import Claim, Ending
from app.domain.reason import Reason, sentence
from app.domain.retry import pause_before_retry
from app.domain.task import UNCOUNTED, AttemptState, TaskState
from app.errors import ErrandError
from app.runner.adapters.base import Outcome


@dataclass(frozen=True)
class Cut:
    """Errand ended the run before its CLI did; `detail` fills the reason's sentence."""

    reason: Reason
    detail: str = ""


@dataclass(frozen=True)
class Ran:
    """One CLI process from start to end."""

    outcome: Outcome
    cut: Cut | None = None
    exit_code: int | None = None
    #: The refused Credential that it tried again in vain, and that its Task goes back to wait for.
    held_by: str | None = None


_ATTEMPT_STATES = {
    Reason.CANCELLED: AttemptState.CANCELLED,
    Reason.INTERRUPTED: AttemptState.INTERRUPTED,
    Reason.TIMEOUT: AttemptState.TIMED_OUT,
    Reason.IDLE_TIMEOUT: AttemptState.TIMED_OUT,
}


#: How a run may be ended after its answer without spoiling it, and what is said of that.
_SPARED = {
    Reason.TIMEOUT: "its time of {detail} was up",
    Reason.IDLE_TIMEOUT: "it had printed nothing for {detail}",
    Reason.INTERRUPTED: "the worker was shut down",
}


def ending(claim: Claim, ran: Ran) -> Ending:
    """Return the Ending for a CLI that was started."""
    ran = _spared(ran)
    if ran.cut is None and ran.outcome.state == "succeeded":
        return _with_figures(claim, ran, TaskState.COMPLETED, AttemptState.SUCCEEDED)
    return _with_figures(claim, ran, *_after(claim, ran))


def _spared(ran: Ran) -> Ran:
    """Let a good answer stand though the run was ended: to fail it, or to do it again, would be worse."""
    if ran.cut is None or not ran.outcome.answered or ran.cut.reason not in _SPARED:
        return ran
    outcome = replace(
        ran.outcome,
        state="succeeded",
        reason=None,
        attention=Reason.CUT_SHORT,
        detail=_SPARED[ran.cut.reason].format(detail=ran.cut.detail),
    )
    return Ran(outcome, exit_code=ran.exit_code)


def refused(claim: Claim, error: ErrandError) -> Ending:
    """Return the Ending for a CLI that could not be started."""
    reason = Reason(error.code) if error.code in set(Reason) else Reason.INTERNAL
    return broken(claim, reason, getattr(error, "detail", error.message))


def broken(claim: Claim, reason: Reason, detail: str) -> Ending:
    """Return a failed Ending that costs nothing and forgets nothing."""
    return Ending(
        task_state=TaskState.FAILED,
        attempt_state=AttemptState.FAILED,
        reason=reason,
        detail=sentence(reason, cli=claim.task.cli, detail=detail),
        cli_session_id=claim.cli_session_id,
        cli_cost_usd=claim.cli_cost_usd,
    )


def _after(claim: Claim, ran: Ran) -> tuple[TaskState, AttemptState]:
    reason = ran.cut.reason if ran.cut else ran.outcome.reason
    ended = _ATTEMPT_STATES.get(reason, AttemptState.FAILED) if reason else AttemptState.FAILED
    if reason is Reason.CANCELLED:
        return TaskState.CANCELLED, ended
    if ran.held_by is not None or reason is Reason.INTERRUPTED or _pause(claim, ran) is not None:
        return TaskState.QUEUED, ended
    return TaskState.FAILED, ended


def _pause(claim: Claim, ran: Ran) -> float | None:
    if ran.cut is not None:
        return None
    return pause_before_retry(
        ran.outcome.reason,
        failures=claim.task.failures + 1,
        max_attempts=claim.task.max_attempts,
        retry_after=ran.outcome.retry_after,
    )


def _with_figures(claim: Claim, ran: Ran, task_state: TaskState, attempt_state: AttemptState) -> Ending:
    outcome, cli = ran.outcome, claim.task.cli
    reason = ran.cut.reason if ran.cut else outcome.reason
    detail = sentence(reason, cli=cli, detail=ran.cut.detail) if ran.cut and reason else outcome.sentence(cli)
    pause = _pause(claim, ran) if attempt_state not in UNCOUNTED else None
    told = outcome.cli_session_id is not None
    return Ending(
        task_state=task_state,
        attempt_state=attempt_state,
        reason=reason,
        detail=detail,
        attention=outcome.attention if task_state is TaskState.COMPLETED else None,
        not_before=None if pause is None else utcnow() + timedelta(seconds=pause),
        held_by=ran.held_by if task_state is TaskState.QUEUED else None,
        exit_code=ran.exit_code,
        result=outcome.result,
        cost_usd=outcome.cost_usd,
        earlier_usd=outcome.earlier_usd,
        tokens=outcome.tokens,
        cli_session_id=outcome.cli_session_id if told else claim.cli_session_id,
        cli_cost_usd=outcome.cli_cost_usd if told else claim.cli_cost_usd,
    )
