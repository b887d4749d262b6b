"""The WebSocket routes: who may connect, and to what; the rest is the Viewer's."""

import re
import ssl
import time
from collections.abc import Callable
from typing import Any, Protocol

import structlog
from flask import Blueprint, Flask, Request, g, request
from flask_sock import Sock

from app.db import sessions, tasks
from app.db.engine import Database
from app.domain.task import SessionId, TaskId
from app.errors import ErrandError, Forbidden, Invalid, NotFound, Unavailable
from app.live.backlog import instant
from app.live.cursor import parse_after, parse_cursor
from app.live.feed import Feed, SessionFeed, TaskFeed, TasksFeed
from app.live.hub import ALL, Hub, Interest
from app.live.viewer import NO_SUCH_TASK, NOT_SIGNED_IN, Viewer
from app.live.wire import STALL, Wire
from app.security.origin import same_origin

log = structlog.get_logger()

BAD_REQUEST = 4400
_TRY_LATER = 1013
_RUDE = 1008
_BROKEN = 1011

#: Messages a client may send within a second; they are ignored.
_CHATTER = 100
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
_OPTIONS = {"ping_interval": 25, "max_message_size": 4096}


class Identity(Protocol):
    """Who is asking."""

    @property
    def via(self) -> str:
        """How they showed it: bearer or cookie."""


Authenticate = Callable[[Request], Identity | None]


def register_sockets(
    app: Flask,
    hub: Hub,
    db: Database,
    *,
    authenticate: Authenticate,
    public_url: str | None = None,
    stall: float = STALL,
) -> None:
    """Add /ws/... to `app`; refused handshakes raise ErrandErrors before the upgrade, for the app to render.

    An app-wide login check must let /ws/ through: a browser can't read why a handshake failed, so who
    is not signed in is let in and told with a close code.
    """
    app.extensions["errand.hub"] = hub
    app.config["SOCK_SERVER_OPTIONS"] = _OPTIONS
    room = Blueprint("sockets", __name__)
    sock = Sock()
    doors = _Doors(hub, db, authenticate)

    @room.before_request
    def prepare() -> None:
        _check_handshake(request)
        identity = authenticate(request)
        _check_origin(request, identity, public_url)
        g.identity = identity
        g.wire = _wire(request.environ, stall)

    @sock.route("/ws/tasks", bp=room)
    def all_tasks(ws: Any) -> None:
        doors.serve(ws, lambda: (ALL, TasksFeed()))

    @sock.route("/ws/tasks/<task_id>", bp=room)
    def one_task(ws: Any, task_id: str) -> None:
        doors.serve(ws, lambda: doors.task(task_id))

    @sock.route("/ws/sessions/<session_id>", bp=room)
    def one_session(ws: Any, session_id: str) -> None:
        doors.serve(ws, lambda: doors.session(session_id))

    app.register_blueprint(room)


class _Doors:
    """What the three routes share."""

    def __init__(self, hub: Hub, db: Database, authenticate: Authenticate) -> None:
        self._hub = hub
        self._db = db
        self._authenticate = authenticate

    def serve(self, ws: Any, opened: Callable[[], tuple[Interest, Feed]]) -> None:
        """Run a Viewer to its end, whatever that is; always closes the socket in an orderly way."""
        wire: Wire = g.wire
        try:
            if g.identity is None:
                wire.finish(NOT_SIGNED_IN, "Sign in first.")
            else:
                self._view(ws, wire, *opened())
        except ErrandError as error:
            wire.finish(_close_code(error), error.message)
        except Exception:
            log.exception("websocket_failed", path=request.path)
            wire.finish(_BROKEN, "Something went wrong here.")
        finally:
            ws.connected = False  # or flask-sock would close it once more
            ws.thread.join(2)

    def task(self, task_id: str) -> tuple[Interest, Feed]:
        """Look at one Task from `after`."""
        after = parse_after(request.args.get("after"))
        task = self._db.read(tasks.get, TaskId(_known_form(task_id)))
        return Interest(task.session_id, task.id), TaskFeed(task.id, after, instant())

    def session(self, session_id: str) -> tuple[Interest, Feed]:
        """Look at all Tasks of a Session from the cursor `after`."""
        cursor = parse_cursor(request.args.get("after"))
        session = self._db.read(sessions.get, SessionId(_known_form(session_id)))
        return Interest(session.id), SessionFeed(session.id, cursor)

    def _view(self, ws: Any, wire: Wire, interest: Interest, feed: Feed) -> None:
        viewer = Viewer(feed, wire, self._hub.backlog, allowed=self._still_signed_in)
        wire.on_pending = viewer.poke
        wire.on_left = lambda: viewer.stop(1000)
        # A peer that takes bytes is alive, even if its pong is far behind them.
        wire.on_progress = lambda: setattr(ws, "pong_received", True)
        ws.input_buffer = _Unheard(lambda: viewer.stop(_RUDE, "Too many messages."))
        if not ws.connected:
            viewer.stop(1000)
        with self._hub.watching(interest, viewer):
            viewer.run()

    def _still_signed_in(self) -> bool:
        return self._authenticate(request) is not None


class _Unheard(list[object]):
    """simple-websocket keeps what clients say until somebody asks; nobody does, so nothing is kept."""

    def __init__(self, enough: Callable[[], None]) -> None:
        super().__init__()
        self._enough = enough
        self._count = 0
        self._since = 0.0

    def append(self, _message: object) -> None:
        """Count."""
        if time.monotonic() - self._since > 1:
            self._since, self._count = time.monotonic(), 0
        self._count += 1
        if self._count > _CHATTER:
            self._enough()


def _wire(environ: dict[str, Any], stall: float) -> Wire:
    """Put a Wire between simple-websocket and the socket, and offer it no compression."""
    # Deflate costs a viewer twice the CPU and memory for what is sent once and never stored.
    environ.pop("HTTP_SEC_WEBSOCKET_EXTENSIONS", None)
    key = "gunicorn.socket" if "gunicorn.socket" in environ else "werkzeug.socket"
    if isinstance(environ[key], ssl.SSLSocket):
        raise Invalid("WebSockets are served without TLS: end it in a proxy in front of this server.")
    wire = Wire(environ[key], stall=stall)
    environ[key] = wire.ears
    return wire


def _check_handshake(asked: Request) -> None:
    """Refuse here what simple-websocket would fail on."""
    if not asked.headers.get("Sec-WebSocket-Key") or asked.headers.get("Sec-WebSocket-Version") != "13":
        raise Invalid("This is a WebSocket of version 13: connect with a WebSocket client.")


def _check_origin(asked: Request, identity: Identity | None, public_url: str | None) -> None:
    """Refuse pages of other sites, who would use the cookie of whoever looks at them."""
    origin = asked.headers.get("Origin")
    if origin is None:
        if identity is not None and identity.via == "cookie":
            raise Forbidden("A WebSocket with a cookie needs an Origin header.", reason="origin")
        return
    if not same_origin(origin, host=asked.host, public_url=public_url):
        raise Forbidden("This page may not connect: its Origin is not this server.", reason="origin")


def _known_form(identifier: str) -> str:
    """Return the id if it is one; the database would choke on some that are not."""
    if _ID.fullmatch(identifier) is None:
        raise NotFound("There is no such thing: an id looks like 0b6f2c1e-....")
    return identifier


def _close_code(error: ErrandError) -> int:
    match error:
        case NotFound():
            return NO_SUCH_TASK
        case Invalid():
            return BAD_REQUEST
        case Unavailable():
            return _TRY_LATER
    return _BROKEN
