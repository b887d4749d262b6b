"""The Celery app, composed: what a worker process builds when it starts and takes down when it stops."""

import atexit
import os
import signal
import threading
import time
import warnings
from functools import cache
from types import FrameType
from typing import Any

import structlog
from celery import Celery, bootsteps, signals
from celery.exceptions import CPendingDeprecationWarning, SecurityWarning
from kombu.transport import TRANSPORT_ALIASES

from app.dispatch import CONTROL, RUNS
from app.errors import ErrandError, Unavailable
from app.log import configure_logging
from app.runner.environment import secrets_in
from app.security.redact import Known
from app.settings import OPEN_REDIS, for_clis, load_settings
from tasks.machine import Machinery

log = structlog.get_logger()

#: Seconds between two looks for a database that is away when a worker starts.
DATABASE_PAUSE = 2

# By alias, so that redis:// and rediss:// URLs mean the mended transport in this process.
TRANSPORT_ALIASES["redis"] = TRANSPORT_ALIASES["rediss"] = "tasks.transport:Transport"

# In a container everything is root; Celery's paragraph about it on each start is no news and no JSON.
warnings.simplefilter("ignore", SecurityWarning)

app = Celery("errand", amqp="tasks.transport:AMQP")
app.config_from_object("celeryconfig")

_machinery: Machinery | None = None


def machinery() -> Machinery:
    """Return what this worker runs jobs with; only once it has started."""
    if _machinery is None:
        raise RuntimeError("jobs run in a worker")
    return _machinery


@signals.setup_logging.connect
def _log(**_: Any) -> None:
    _log_as("worker")


def _log_as(process: str) -> None:
    configure_logging(process, clean=_known().clean_text)


@cache
def _known() -> Known:
    """Return what this process knows of secrets: its own, and those it is to come upon in Credentials."""
    return Known([*load_settings().secrets(), *secrets_in(for_clis())])


@signals.celeryd_after_setup.connect
def _build(sender: str, instance: Any, **_: Any) -> None:
    global _machinery  # noqa: PLW0603 - one worker per process, and jobs are plain functions
    queues = set(instance.app.amqp.queues.consume_from)
    _log_as("worker" if RUNS in queues else CONTROL)
    # Celery's plans for 6.0 are no news whenever Redis is lost; it switches them on after its set-up of logs.
    warnings.simplefilter("ignore", CPendingDeprecationWarning)
    _machinery = _built(sender, queues)
    if load_settings().open_redis:
        log.warning("redis_open", advice=OPEN_REDIS)


def _built(hostname: str, queues: set[str]) -> Machinery:
    """Wait for a database that is away. Any other trouble ends the worker: Celery would log it and go on."""
    while True:
        try:
            return Machinery(load_settings(), app, hostname=hostname, queues=queues, known=_known())
        except Unavailable as error:
            log.warning("database_away", error=error.message)
        except ErrandError as error:
            log.critical("worker_not_built", error=error.message)
            raise SystemExit(1) from error
        except Exception as error:
            log.exception("worker_not_built")
            raise SystemExit(1) from error
        time.sleep(DATABASE_PAUSE)


class StartMachinery(bootsteps.StartStopStep):
    """Begins to keep and to watch before the first look for Redis, whose loss is what there is to make good.

    `worker_ready` would come after it; a thread that is there before Beat is forked would be forked with it.
    """

    requires = ("celery.worker.components:Beat",)

    def start(self, _worker: Any) -> None:
        """Called once; the Consumer, which connects, is the last step."""
        machinery().start()
        warm = signal.getsignal(signal.SIGTERM)

        def quit_now(number: int, frame: FrameType | None) -> None:
            machinery().hurry()
            if callable(warm):
                warm(number, frame)

        # Celery's own cold shutdown would cancel what it can't cancel in threads, and end with an error. Ours
        # ends the CLIs, after which a warm one has nothing to wait for.
        signal.signal(signal.SIGINT, warm)
        signal.signal(signal.SIGQUIT, quit_now)
        atexit.register(_be_deaf)


def _be_deaf() -> None:
    """The interpreter gives handlers back while it ends; a signal then would become the exit status."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)


app.steps["worker"].add(StartMachinery)


@signals.beat_embedded_init.connect
def _end_with_control(**_: Any) -> None:
    """Beat is a process of its own, which a SIGKILL of control would leave behind, beating for nobody."""
    control = os.getppid()

    def watch() -> None:
        while os.getppid() == control:
            time.sleep(1)
        os._exit(0)

    threading.Thread(target=watch, name="control-watch", daemon=True).start()


@signals.worker_shutting_down.connect
def _interrupt(**_: Any) -> None:
    machinery().interrupt()


@signals.worker_shutdown.connect
def _close(**_: Any) -> None:
    machinery().close()
