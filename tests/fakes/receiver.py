"""A receiver of callbacks: keeps what it was sent, and answers as it is told."""

import ssl
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import orjson

#: What is said to a request: a status, and headers that go with it.
Answer = tuple[int, dict[str, str]]


class Received:
    """One POST."""

    def __init__(self, path: str, headers: dict[str, str], body: bytes) -> None:
        self.path = path
        self.headers = headers
        self.body = body

    @property
    def json(self) -> Any:
        """What the body says."""
        return orjson.loads(self.body)


class Receiver:
    """A server on a free port of this machine; `answer` says what the nth request gets."""

    def __init__(
        self, answer: Callable[[int], Answer] = lambda _: (204, {}), *, tls: ssl.SSLContext | None = None
    ) -> None:
        self.answer = answer
        self.received: list[Received] = []
        #: Seconds before each byte of an answer's body; None: no body.
        self.drip: float | None = None
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()

    @property
    def host(self) -> str:
        """Its host and port."""
        return f"127.0.0.1:{self._server.server_port}"

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://{self.host}/told?by=errand"

    def close(self) -> None:
        """Stop it."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    def _take(self, request: BaseHTTPRequestHandler) -> Answer:
        body = request.rfile.read(int(request.headers.get("Content-Length", 0)))
        with self._lock:
            self.received.append(Received(request.path, dict(request.headers), body))
            return self.answer(len(self.received))

    def _drip(self, request: BaseHTTPRequestHandler, pause: float) -> None:
        try:
            while True:
                request.wfile.write(b"x")
                request.wfile.flush()
                time.sleep(pause)
        except OSError:
            return

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                status, headers = receiver._take(self)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                if receiver.drip is None:
                    self.send_header("Content-Length", "0")
                self.end_headers()
                if receiver.drip is not None:
                    receiver._drip(self, receiver.drip)

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        return Handler
