"""The messages of one Task's WebSocket, each Event once, across every lost connection."""

import random
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson
import websocket
from websocket import ABNF

from app.cli.client import not_reachable, not_signed_in
from app.cli.errors import Refused
from app.cli.sanitise import one_line
from app.cli.server import Server
from app.errors import ErrandError

#: Seconds without a byte after which a connection counts as lost; the server pings every 25.
_SILENCE = 70
_CONNECT_TIMEOUT = 10
_FIRST_PAUSE = 0.2
_LONGEST_PAUSE = 5.0
#: Seconds without a server after which nobody waits any more.
PATIENCE = 300.0

_BAD_REQUEST, _NOT_SIGNED_IN, _NO_SUCH_TASK = 4400, 4401, 4404

Message = dict[str, Any]


@dataclass(frozen=True)
class Lost:
    """The connection broke; another one is tried."""

    why: str


@dataclass(frozen=True)
class Back:
    """There is a connection again, and nothing was missed."""


class _Broken(Exception):
    """This connection is over, the stream is not."""


class Stream:
    """One Task as it goes on; iterate over it once, in any thread. `close` ends it from another."""

    def __init__(self, server: Server, task_id: str, *, after: int = 0, patience: float = PATIENCE) -> None:
        self._server = server
        self._task_id = task_id
        self._seq = after
        self._patience = patience
        self._closed = threading.Event()

    def close(self) -> None:
        """No more tries."""
        self._closed.set()

    def __iter__(self) -> Iterator[Message | Lost | Back]:
        """Yield messages to the one of type `end`; raises ErrandError when there is no getting there."""
        failures, lost_at = 0, None
        while not self._closed.is_set():
            try:
                for message in self._connection():
                    if lost_at is not None:
                        yield Back()
                    failures, lost_at = 0, None
                    yield message
                    if message["type"] == "end":
                        return
            except _Broken as error:
                if lost_at is None:
                    lost_at = time.monotonic()
                    yield Lost(str(error))
                if time.monotonic() - lost_at > self._patience:
                    raise self._given_up(str(error)) from error
                pause = min(_FIRST_PAUSE * 2**failures, _LONGEST_PAUSE)
                failures = min(failures + 1, 10)
                self._closed.wait(pause * random.uniform(0.7, 1.3))  # noqa: S311 - not all viewers at once

    def _connection(self) -> Iterator[Message]:
        try:
            connection = self._connect()
        except websocket.WebSocketBadStatusException as error:
            raise self._judged(error) from error
        except (websocket.WebSocketException, OSError) as error:
            raise _Broken(str(error)) from error
        try:
            while True:
                yield from self._received(connection)
        except (websocket.WebSocketException, OSError, ValueError) as error:
            raise _Broken(str(error) or type(error).__name__) from error
        finally:
            connection.shutdown()  # type: ignore[no-untyped-call]

    def _connect(self) -> websocket.WebSocket:
        token = self._server.token
        secure = self._server.url.startswith("https:")
        connection = websocket.create_connection(
            f"{self._server.socket_url}/ws/tasks/{self._task_id}?after={self._seq}",
            timeout=_CONNECT_TIMEOUT,
            header=[] if token is None else [f"Authorization: Bearer {token}"],
            suppress_origin=True,  # we are no page; the bearer token says who we are
            skip_utf8_validation=True,  # the JSON parser does it a hundred times as fast
            sslopt={"context": ssl.create_default_context()} if secure else {},
            http_no_proxy=["*"] if self._server.local else None,
        )
        connection.settimeout(_SILENCE)
        return connection

    def _received(self, connection: websocket.WebSocket) -> Iterator[Message]:
        opcode, data = connection.recv_data(control_frame=True)
        if opcode == ABNF.OPCODE_CLOSE:
            raise self._closing(int.from_bytes(data[:2], "big"), data[2:].decode("utf-8", "replace"))
        if opcode != ABNF.OPCODE_TEXT:
            return
        message: Message = orjson.loads(data)
        if message["type"] == "events":
            message["events"] = [event for event in message["events"] if event["seq"] > self._seq]
            if not message["events"]:
                return
            # Noted first: who reads us has it, whatever happens next.
            self._seq = message["events"][-1]["seq"]
        yield message

    def _closing(self, code: int, reason: str) -> Exception:
        if code == _NOT_SIGNED_IN:
            return not_signed_in(self._server)
        if code in {_NO_SUCH_TASK, _BAD_REQUEST}:
            return Refused(one_line(reason, 500) or "There is no such task.", status=code)
        return _Broken(f"closed by the server with {code}")

    def _judged(self, error: websocket.WebSocketBadStatusException) -> Exception:
        status = error.status_code
        if status >= 500 or status == 429:
            return _Broken(f"status {status}")
        if status == 401:
            return not_signed_in(self._server)
        try:
            sentence = str(orjson.loads(error.resp_body or b"")["detail"])
        except (ValueError, KeyError, TypeError):
            sentence = f"{self._server.url} does not speak WebSocket here (status {status})."
        return Refused(one_line(sentence, 1000), status=status)

    def _given_up(self, why: str) -> ErrandError:
        error = not_reachable(self._server, why)
        error.message += f" The task may still go on: errand logs {self._task_id} --follow."
        return error
