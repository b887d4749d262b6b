"""The processes of bin/up, and how each is started."""

import sys
from dataclasses import dataclass
from pathlib import Path

from app.redis_server import RedisServer
from app.settings import PROJECT_ROOT, Settings

_BIN = Path(sys.executable).parent
_CELERY = (str(_BIN / "celery"), "-q", "-A", "tasks.celery", "worker")
_QUIET = ("-P", "threads", "-E", "--without-gossip", "--without-mingle")


@dataclass(frozen=True)
class Service:
    """One process of bin/up."""

    name: str
    argv: tuple[str, ...]
    #: Handed over on stdin, where nobody else can read it.
    stdin: bytes = b""
    #: Seconds it gets to end by itself when bin/up was killed.
    eof_grace: float = 3


def redis(server: RedisServer) -> Service:
    """The embedded Redis."""
    return Service("redis", tuple(server.command()), stdin=server.configuration().encode())


def worker(settings: Settings) -> Service:
    """Runs the CLIs."""
    own = ("-Q", "runs", "-n", f"worker-{settings.port}@%h", "-c", str(settings.concurrency))
    return Service("worker", (*_CELERY, *own, *_QUIET))


def control(settings: Settings) -> Service:
    """Does the housekeeping, and beats."""
    own = ("-B", "-Q", "control", "-n", f"control-{settings.port}@%h", "-c", "8")
    schedule = ("-s", str(settings.data_dir / "beat-schedule"))
    return Service("control", (*_CELERY, *own, *_QUIET, *schedule))


def web(settings: Settings) -> Service:
    """Answers, on loopback only."""
    config = ("-c", str(PROJECT_ROOT / "gunicorn.conf.py"), "--bind", f"127.0.0.1:{settings.port}")
    return Service("web", (str(_BIN / "gunicorn"), *config, "wsgi:app"))
