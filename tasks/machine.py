"""One worker process: what its jobs run with, what it reports of itself, and how it goes."""

import os
import socket
import threading
import time
import uuid
from collections.abc import Set as AbstractSet
from functools import partial

import structlog
from celery import Celery

import app
from app.agents import Agents
from app.clock import utcnow
from app.credentials import Safe
from app.credentials.refresh import Refresher
from app.credentials.waiting import Waiting
from app.credentials.watch import Watch
from app.db import credentials, doorbells, machines, migrate, tasks
from app.db.engine import PATIENCE, Database
from app.dispatch import RUNS, CeleryBell
from app.domain.machine import FoundCli, Machine, Role
from app.domain.task import SessionId
from app.errors import Unavailable
from app.github.intake import Intake
from app.live.publisher import Publisher
from app.process import installation, sweep
from app.rescuer import Rescuer
from app.runner.cage import Cage
from app.runner.clis import Clis
from app.runner.execute import Runner
from app.runner.follow import KILL_AFTER
from app.runner.held import LeaseKeeper
from app.runner.keyring import Keyring
from app.security.crypto import Vault
from app.security.redact import Known
from app.security.tokens import mark
from app.settings import Settings, for_clis
from app.webhooks.callbacks import Callbacks
from app.webhooks.hooks import Hooks
from tasks.github import GitHub
from tasks.observer import Observer
from tasks.replies import Replies
from tasks.strays import Strays

log = structlog.get_logger()

#: Seconds the first report waits for what the CLIs say of themselves; later ones have it.
FIRST_LOOK = 1.0
#: Seconds a worker that has to go still waits for the database.
LAST_PATIENCE = 1.0
#: Seconds between two looks for Replies that have something to tell.
REPLIES_EVERY = 1.0
#: Seconds a hurried shutdown waits for the rows.
HURRY = KILL_AFTER + 2


class Machinery:
    """Built once per worker process; jobs find their collaborators here."""

    def __init__(
        self, settings: Settings, celery: Celery, *, hostname: str, queues: AbstractSet[str], known: Known
    ) -> None:
        self.settings = settings
        self._role = Role.WORKER if RUNS in queues else Role.CONTROL
        self._asked_to_stop: float | None = None
        self.db = Database(settings.database_url, pool_size=settings.concurrency + 4, patience=self._patience)
        self.db.read(migrate.check)
        self.publisher = Publisher(settings.redis_url)
        self.bell = CeleryBell(celery)
        vault = Vault(settings.fernet_keys())
        self._safe = Safe(self.db, vault, learn=known.learn)
        #: What the job `tasks.callbacks` does.
        self.callbacks = Callbacks(
            self.db,
            Hooks(self.db, vault, learn=known.learn),
            clean=known.clean_text,
            allowed=settings.callback_hosts,
            public_url=settings.public_url,
        )
        environ = for_clis()
        self._clis = Clis(environ)
        self._cage = Cage(settings, environ)
        self._machine = self._described(hostname)
        self._found: dict[str, FoundCli] = {}
        # Beside everything else: a program that is slow to tell its version must not hold up a worker.
        self._looking = threading.Thread(target=self._look_for_clis, name="clis", daemon=True)
        self._keeper = LeaseKeeper(
            self.db, lease_seconds=settings.lease_seconds, beat=self._report, grace=self._grace
        )
        made = GitHub(settings, self.db, known, environ=environ)
        self.runner = Runner(
            settings,
            db=self.db,
            publisher=self.publisher,
            keeper=self._keeper,
            clis=self._clis,
            cage=self._cage,
            machine=self._machine.name,
            environ=environ,
            keyring=Keyring(self.db, self._safe, environ, mark=partial(mark, settings.secret_key())),
            known=known,
            source=made.source(),
        )
        self._waiting = Waiting(self.db, self.bell, self.publisher)
        #: What the job `tasks.credentials` does.
        self.watch = Watch(self.db, self._safe, self._waiting, self._refresher())
        #: What the job `tasks.deliveries` does.
        self.intake = Intake(
            settings,
            db=self.db,
            agents=Agents(settings.agents_dir),
            bell=self.bell,
            publisher=self.publisher,
        )
        keeps = self._role is Role.CONTROL
        self._replies = Replies(made.keeper(self.ring_next), every=REPLIES_EVERY) if keeps else None
        rescuer = Rescuer(self.db, self.bell, self.publisher, settings)
        self._observer = Observer(rescuer, self.db, self._role)
        self._strays = Strays(self.db, settings.data_dir, days=settings.retention_days)

    @property
    def closing(self) -> bool:
        """Whether no new run may begin here."""
        return self._asked_to_stop is not None

    def start(self) -> None:
        """Clear away what an earlier life of this worker left, and report for work."""
        if self._role is Role.WORKER:
            left = sweep(installation(self.settings.data_dir))
            if left:
                log.warning("orphans_ended", processes=left)
            self._looking.start()
            self._looking.join(FIRST_LOOK)
        try:
            if self._role is Role.WORKER:
                self._forget_environments()
            self._report(0)
        except Unavailable as error:  # the keeper reports again in a moment
            log.warning("not_reported", error=error.message)
        # After the first report: two at once would both insert the Machine's row.
        self._keeper.start()
        self._observer.start()
        self._strays.start()
        if self._replies is not None:
            self._replies.start()
        log.info("machine_ready", role=self._role, machine=self._machine.id)

    def ring_next(self, session_id: SessionId) -> None:
        """Ring for the Session's next Task, if one may begin now; raises Unavailable."""
        following = self.db.read(tasks.next_in_session, session_id)
        if following is None:
            return
        if not self.closing and self.bell.ring(following):
            self.db.write(doorbells.mark_rung, [following], utcnow())
        # Whoever looks at it should not read that it waits for the one that is done.
        self.publisher.publish_task(self.db.read(tasks.get, following))

    def interrupt(self) -> None:
        """No new runs; running ones get the grace, then give their Tasks back. Asked twice: no grace."""
        grace = self.settings.shutdown_grace
        self._asked_to_stop = time.monotonic() - (grace if self.closing else 0)
        self._keeper.interrupt()
        log.info("machine_stopping", running=self._keeper.running, grace=grace)

    def hurry(self) -> None:
        """End every run now, and wait a moment for their Tasks to be given back."""
        self._asked_to_stop = time.monotonic() - self.settings.shutdown_grace
        self._keeper.interrupt()
        deadline = time.monotonic() + HURRY
        while self._keeper.running and time.monotonic() < deadline:
            time.sleep(0.05)

    def close(self) -> None:
        """Say goodbye."""
        if self._replies is not None:
            self._replies.close()
        self._strays.close()
        self._observer.close()
        self._keeper.close()
        try:
            self.db.write(machines.goodbye, self._machine.id)
        except Unavailable as error:
            log.warning("goodbye_not_said", error=error.message)
        self.db.close()
        log.info("machine_stopped")

    def _refresher(self) -> Refresher | None:
        url, client_id = self.settings.claude_token_url, self.settings.claude_client_id
        return Refresher(self.db, self._safe, url=url, client_id=client_id) if url else None

    def _forget_environments(self) -> None:
        """Whatever was refused of workers' environments: this one may have been given another key."""
        for name in self.db.write(credentials.forget_environments):
            self._waiting.release(name)

    def _patience(self) -> float:
        # After the grace there is none for a database either: what is not written, a rescue makes good.
        return PATIENCE if self._asked_to_stop is None or self._grace() > 0 else LAST_PATIENCE

    def _grace(self) -> float:
        # SIGTERM goes out early enough that SIGKILL, where it is needed, and the rows fall into the grace.
        patience = max(0.0, self.settings.shutdown_grace - KILL_AFTER - 1)
        if self._asked_to_stop is None:
            return patience
        return max(0.0, self._asked_to_stop + patience - time.monotonic())

    def _described(self, hostname: str) -> Machine:
        now = utcnow()
        worker = self._role is Role.WORKER
        return Machine(
            id=f"{hostname}:{uuid.uuid4()}",
            name=f"{hostname} ({socket.gethostname()}:{os.getpid()})"[:200],
            role=self._role,
            version=app.__version__,
            capacity=self.settings.concurrency if worker else 0,
            started_at=now,
            seen_at=now,
        )

    def _look_for_clis(self) -> None:
        agents = Agents(self.settings.agents_dir).current().usable
        names = {agent.cli for agent in agents.values()}
        self._found = self._clis.report(names)
        # Trying the sandbox takes longer than telling what there is.
        self._found = self._clis.report(names, self._cage)
        for name, found in self._found.items():
            if found.sandbox_note:
                log.warning("cli_not_caged", cli=name, sandbox=found.sandbox, why=found.sandbox_note)

    def _report(self, running: int) -> None:
        told = {"running": running, "sweeps": self._observer.sweeps, "clis": self._found}
        self._machine = self._machine.model_copy(update=told)
        self.db.write(machines.report, self._machine)
