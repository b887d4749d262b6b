"""The web tier: gevent workers, because a WebSocket is open for hours and mostly silent.

`gunicorn wsgi:app` finds this file by itself where it is started in the checkout.
"""

# Before anything makes a lock or a socket.
from gevent import monkey

monkey.patch_all()

import logging
import sys
import time
from typing import Any

import gevent
import structlog

from app.db import machines
from app.db.engine import Database
from app.domain.machine import Role
from app.errors import ErrandError
from app.log import configure_logging
from app.security.redact import Redactor
from app.settings import OPEN_REDIS, load_settings
from app.web.first_link import tell_first_link
from app.web.open_door import refuse_an_open_door

_settings = load_settings()

#: Seconds the port of a fresh bin/up waits for worker and control before it answers "degraded" instead.
_FIRST_HEARTBEATS = 10

# A platform's router comes from outside; bin/up says --bind 127.0.0.1 on the command line.
bind = f"0.0.0.0:{_settings.port}"
workers = _settings.web_concurrency
worker_class = "gevent"
worker_connections = 10_000  # viewers of one process; each costs 40 kB
# Live sockets are closed by _close_live_sockets; what remains are requests, which are short.
graceful_timeout = 10
timeout = 60
# A viewer of a long conversation names what it has of each task, a few bytes each.
limit_request_line = 8190
# The master has nothing to be told that signals can't tell it, and no socket to leave behind.
control_socket_disable = True
loglevel = "warning"  # "Listening at ..." without the token is not the URL to open
accesslog = None  # a platform's router has one already
logconfig_dict: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "loggers": {"gunicorn.error": {"level": "WARNING", "handlers": [], "propagate": True}},
}


def on_starting(master: Any) -> None:
    """Log in the one format, from the first line; workers inherit it. Open no door to the world."""
    configure_logging("web", clean=Redactor(_settings.secrets()).clean_text)
    try:
        refuse_an_open_door(_settings, master.cfg.address)
    except ErrandError as error:
        sys.exit(error.message)
    if _settings.open_redis:
        structlog.get_logger().warning("redis_open", advice=OPEN_REDIS)


def post_worker_init(worker: Any) -> None:
    """Hold the port until all of this start is there, and watch for the end."""
    if _settings.up_started is not None:
        _wait_for_first_heartbeats(worker)
    gevent.spawn(_close_live_sockets, worker)
    gevent.spawn(_tell_first_link, worker)


def _wait_for_first_heartbeats(worker: Any) -> None:
    # For both: who opens the page the moment it is there should not read that control is missing.
    database = Database(_settings.database_url)
    deadline = time.monotonic() + _FIRST_HEARTBEATS
    try:
        while worker.alive and time.monotonic() < deadline:
            if {m.role for m in database.read(machines.alive, since=_settings.up_started)} == set(Role):
                return
            gevent.sleep(0.05)
    except ErrandError as error:
        logging.getLogger(__name__).warning("first_heartbeats_unknown: %s", error)
    finally:
        database.close()


def _tell_first_link(worker: Any) -> None:
    database = Database(_settings.database_url)
    try:
        while worker.alive:
            try:
                tell_first_link(_settings, database)
            except ErrandError:
                gevent.sleep(5)  # the release that migrates may still be on its way
            else:
                return
    finally:
        database.close()


def _close_live_sockets(worker: Any) -> None:
    """Close all WebSockets when this process is to stop: open ones would use up the graceful timeout."""
    while worker.alive:
        gevent.sleep(0.1)
    hub = worker.wsgi.extensions.get("errand.hub")
    if hub is not None:
        hub.close_all()
