"""The one loop that ties it together: claim, prepare, start, follow, finish."""

import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial
from pathlib import Path

import structlog

from app.agents import Agents
from app.clock import utcnow
from app.db import credentials, ledger, runs, tasks
from app.db.engine import Database
from app.db.runs import Claim, Ending
from app.domain.agent import Agent
from app.domain.event import Notice
from app.domain.reason import Reason
from app.domain.sandbox import Level
from app.domain.task import Task, TaskId, TaskState
from app.errors import ErrandError, Invalid, LeaseLost, NotFound
from app.live.publisher import Publisher
from app.process import Command, Completed, LeaseLapsed, Process, installation, new_mark, run
from app.runner import endings
from app.runner.adapters import adapter_for
from app.runner.adapters.base import Outcome, Run
from app.runner.cage import Cage, Caged
from app.runner.clis import Clis, Found
from app.runner.command import build
from app.runner.endings import Ran
from app.runner.follow import Follower, Limits
from app.runner.guest import session_group
from app.runner.held import Held, LeaseKeeper
from app.runner.keyring import Issue, Keyring
from app.runner.outside import Assignment, Inside, Source, new_directory, note_beginning, read_beginning
from app.runner.transcript import Transcript, patiently
from app.runner.watch import Allowance, Watch
from app.runner.workspace import SessionDirs, exchange, prepare
from app.security.redact import Known
from app.settings import Settings

log = structlog.get_logger()

_RESUME_FAILED = (
    "The CLI no longer knows this conversation, so it was started anew: the agent does not remember "
    "earlier messages; its workspace is as it was."
)


_TRUSTED = Notice(
    code="workspace_trusted",
    text="This agent trusts the workspace: its instructions, settings and hooks were let in.",
)


@dataclass(frozen=True)
class Finished:
    """A Task after its run; ringing for what comes next is the caller's."""

    task: Task
    #: Seconds after which the same Task is to be rung again.
    again_in: float | None = None


class Runner:
    """Runs Tasks of this worker, several at a time, each in the thread that calls `run`."""

    def __init__(
        self,
        settings: Settings,
        *,
        db: Database,
        publisher: Publisher,
        keeper: LeaseKeeper,
        clis: Clis,
        cage: Cage,
        machine: str,
        environ: Mapping[str, str],
        keyring: Keyring,
        known: Known,
        source: Source | None = None,
    ) -> None:
        self._source = source
        self._settings = settings
        self._db = db
        self._publisher = publisher
        self._keeper = keeper
        self._clis = clis
        self._cage = cage
        self._machine = machine
        self._environ = environ
        self._keyring = keyring
        self._known = known
        self._agents = Agents(settings.agents_dir)

    def run(self, task_id: TaskId) -> Finished | None:
        """Claim the Task and run it to its end; None where it was not ours to run, or no longer is.

        Raises Unavailable where the database could not be asked for the claim.
        """
        if self._has_to_wait(task_id):
            return None
        asked = time.monotonic()
        claim = self._db.write(runs.claim, task_id, machine=self._machine)
        if claim is None:
            log.info("doorbell_ignored", task_id=task_id, why=self._db.write(ledger.note_ignored, task_id))
            return None
        with (
            structlog.contextvars.bound_contextvars(task_id=task_id, attempt=claim.attempt),
            self._keeper.hold(task_id, claim.attempt, asked=asked) as held,
        ):
            self._publisher.publish_task(claim.task)
            log.info("run_started", agent=claim.task.agent, session_id=claim.task.session_id)
            try:
                return self._finished(claim, held)
            except LeaseLost:
                log.warning("run_lost")
                return None

    def _has_to_wait(self, task_id: TaskId) -> bool:
        """Hold a Task whose Credential cannot be used, before a CLI is started only to find that out."""
        try:
            task = self._db.read(tasks.get, task_id)
            agent = self._agents.resolve(task.agent).agent
        except (Invalid, NotFound):
            return False  # the claim, or the run, says what is wrong
        blocked = self._keyring.blocked(task, agent) if task.state is TaskState.QUEUED else None
        if blocked is None:
            return False
        held = self._db.write(
            credentials.hold, task_id, by=blocked.name, reason=blocked.reason, detail=blocked.detail
        )
        if held is not None:
            log.info("task_held", task_id=task_id, credential=blocked.name, reason=blocked.reason)
            self._publisher.publish_task(held)
        return True

    def _finished(self, claim: Claim, held: Held) -> Finished:
        ending = self._ending(claim, held)
        task = patiently(held, lambda: self._db.write(runs.finish, claim.task.id, claim.attempt, ending))
        self._publisher.publish_task(task)
        log.info("run_finished", state=task.state, reason=ending.reason)
        pause = (ending.not_before - utcnow()).total_seconds() if ending.not_before else None
        return Finished(task, pause)

    def _ending(self, claim: Claim, held: Held) -> Ending:
        try:
            return endings.ending(claim, self._attempt(claim, held))
        except LeaseLost:
            raise
        except ErrandError as error:
            return endings.refused(claim, error)
        except Exception as error:
            # Whatever went wrong, the Task has to end and its slot to be given back.
            log.exception("run_failed")
            detail = self._known.clean_text(f"{type(error).__name__}: {error}")
            return endings.broken(claim, Reason.INTERNAL, detail)

    def _attempt(self, claim: Claim, held: Held) -> Ran:
        task = claim.task
        resolved = self._agents.resolve(task.agent)
        agent = resolved.agent
        issue = self._keyring.issue(task, agent)
        transcript = Transcript(self._db, self._publisher, claim, held)
        transcript.append([resolved.notice] if resolved.notice else [])
        found = self._clis.find(adapter_for(agent.cli))
        transcript.append(found.notices)
        if task.from_outside:
            # What lies in its workspace may be the stranger's too, a fork's say.
            agent = agent.model_copy(update={"trust_workspace": False})
        caged = self._caged(agent, found, task, held)
        transcript.append([_TRUSTED] if agent.trust_workspace else [])
        try:
            dirs, assignment = self._prepared(task, agent, caged)
        except ErrandError as error:
            if error.code != Reason.GITHUB_AWAY:
                raise
            return _away(error)
        inside = self._inside(task, dirs, caged)
        asked = Run(
            agent=agent,
            message=assignment.message if assignment else task.message,
            session_id=task.session_id,
            new_session_id=str(uuid.uuid4()),
            cli_session_id=claim.cli_session_id,
            previous_cost_usd=claim.cli_cost_usd,
        )
        command = self._commands(found.program, dirs, caged, issue)
        ran = self._once(asked, command, transcript, held, task)
        if ran.cut is None and (ran.outcome.resume_failed or ran.outcome.session_in_use):
            transcript.append([Notice(code="resume_failed", text=_RESUME_FAILED)])
            anew = str(uuid.uuid4())
            fresh = replace(asked, new_session_id=anew, cli_session_id=None, previous_cost_usd=Decimal(0))
            ran = self._once(fresh, command, transcript, held, task)
        if assignment is not None and ran.cut is None and ran.outcome.state == "succeeded":
            work = assignment
            patiently(held, lambda: work.take(inside))
        held_by = patiently(held, lambda: self._keyring.judge(issue, ran, task))
        return replace(ran, held_by=held_by)

    def _caged(self, agent: Agent, found: Found, task: Task, held: Held) -> Caged:
        """Choose the level, and show it before anything is started."""
        caged = self._cage.choose(
            found.program,
            found.judged,
            wanted=agent.sandbox,
            network=agent.network,
            from_outside=task.from_outside,
        )
        note = partial(
            runs.note_sandbox,
            task_id=task.id,
            attempt=task.attempt,
            label=caged.level.label,
            trusted=agent.trust_workspace,
        )
        shown = patiently(held, lambda: self._db.write(note))
        self._publisher.publish_task(shown)
        return caged

    def _prepared(self, task: Task, agent: Agent, caged: Caged) -> tuple[SessionDirs, Assignment | None]:
        """Make the Session's directories, with what the Task brings along in its workspace."""
        data_dir = self._settings.data_dir
        session = data_dir / "sessions" / task.session_id
        begun = read_beginning(session, task) if self._source else None
        assignment = self._source(task, begun) if self._source else None
        if assignment is not None and begun is None:
            with new_directory(data_dir) as fresh:
                assignment.furnish(fresh / "workspace")
                exchange(data_dir, task.session_id, fresh / "workspace")
        dirs = prepare(
            data_dir,
            task.session_id,
            self._settings.agents_dir / agent.name,
            owner=caged.owner,
            group=session_group(task.session_id) if caged.level is Level.USER else None,
        )
        if assignment is not None and begun is None:
            assignment.check_out(self._inside(task, dirs, caged))
            note_beginning(session, task, assignment.beginning)
        return dirs, assignment

    def _inside(self, task: Task, dirs: SessionDirs, caged: Caged) -> Inside:
        """Return what runs a short command where the CLI runs."""

        def inside(
            argv: Sequence[str], *, env: Mapping[str, str], timeout: float, max_bytes: int
        ) -> Completed:
            homely = {**env, "HOME": str(dirs.home), "TMPDIR": str(dirs.tmp)}
            bare = Command(tuple(argv), dirs.workspace, homely)
            command = self._cage.wrap(bare, dirs, caged.level, session_id=task.session_id)
            return run(
                command.argv,
                timeout=timeout,
                env=command.env,
                cwd=command.cwd,
                max_bytes=max_bytes,
                mark=new_mark(installation(self._settings.data_dir), task.id, task.attempt),
                wrapped=command.wrapped,
            )

        return inside

    def _commands(
        self, program: Path, dirs: SessionDirs, caged: Caged, issue: Issue
    ) -> Callable[[Run], Command]:
        """Return what makes the command line of a run there."""

        def command(run: Run) -> Command:
            bare = build(
                run,
                program=program,
                home=dirs.home,
                workspace=dirs.workspace,
                tmp=dirs.tmp,
                environ=self._environ,
                given=issue.variables,
                without=issue.without,
                proxy=self._settings.agent_proxy,
            )
            network = run.agent.network != "none"
            return self._cage.wrap(bare, dirs, caged.level, network=network, session_id=run.session_id)

        return command

    def _watch(self, process: Process, session_id: str) -> Watch:
        settings = self._settings
        allowance = Allowance(settings.memory_limit, settings.process_limit, settings.workspace_limit)
        return Watch(process, allowance, [settings.data_dir / "sessions" / session_id])

    def _once(
        self, run: Run, command: Callable[[Run], Command], transcript: Transcript, held: Held, task: Task
    ) -> Ran:
        adapter = adapter_for(run.agent.cli)
        redactor = self._known.redactor

        def remember() -> None:
            known = run.cli_session_id or run.new_session_id
            if adapter.resumes:
                patiently(held, lambda: self._db.write(runs.remember_cli_session, task, known))

        mark = new_mark(installation(self._settings.data_dir), task.id, task.attempt)
        with _started(command(run), mark, held) as process, held.running(process):
            return Follower(
                process,
                adapter.parser(run),
                cleaner=adapter.cleaner(redactor),
                stderr=redactor.stream(),
                transcript=transcript,
                held=held,
                limits=self._limits(run.agent),
                watch=self._watch(process, run.session_id),
                began=remember,
            ).follow()

    def _limits(self, agent: Agent) -> Limits:
        return Limits(
            timeout=agent.timeout or self._settings.task_timeout,
            idle_timeout=agent.idle_timeout or self._settings.idle_timeout,
            output=self._settings.output_limit,
            events=self._settings.event_limit,
        )


def _away(error: ErrandError) -> Ran:
    """Return a run that did not begin because GitHub is away: worth another try."""
    detail = getattr(error, "detail", error.message)
    return Ran(
        Outcome(state="failed", reason=Reason.GITHUB_AWAY, detail=detail, retry_after=error.retry_after)
    )


def _started(command: Command, mark: str, held: Held) -> Process:
    """Start it under a Lease that is good: this worker may have stood still since it claimed the Task."""
    while True:
        until = held.await_lease()
        try:
            return Process.start(command, mark=mark, until=until)
        except LeaseLapsed:
            log.warning("lease_lapsed_before_start")
