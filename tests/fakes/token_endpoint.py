"""A local stand-in for an OAuth token endpoint: a refresh token is good once, and it remembers who came."""

import json
import threading
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


class TokenEndpoint:
    """As a context manager, on a free loopback port."""

    def __init__(self) -> None:
        #: The refresh token that is good now, and how many were given.
        self.refresh = "refresh-token-number-0"
        self.given = 0
        #: How often somebody came with one that is no longer good: that would sign a real user out.
        self.stale = 0
        self.asked: list[dict[str, Any]] = []
        #: Answer this instead: a status and a body.
        self.instead: tuple[int, Mapping[str, Any]] | None = None
        #: Seconds an answer takes, and a token is good for.
        self.slow = 0.0
        self.lasts: object = 28800
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _Connection)
        self._server.endpoint = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    @property
    def url(self) -> str:
        """What ERRAND_CLAUDE_TOKEN_URL has to be."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1/oauth/token"

    def answer(self, body: dict[str, Any]) -> tuple[int, Mapping[str, Any]]:
        """Give new tokens for a good refresh token."""
        time.sleep(self.slow)
        with self._lock:
            self.asked.append(body)
            if self.instead is not None:
                return self.instead
            if body.get("grant_type") != "refresh_token" or body.get("refresh_token") != self.refresh:
                self.stale += 1
                return 400, {
                    "error": "invalid_grant",
                    "error_description": "Refresh token not found or invalid",
                }
            self.given += 1
            self.refresh = f"refresh-token-number-{self.given}"
            return 200, {
                "token_type": "Bearer",
                "access_token": f"access-token-number-{self.given}",
                "refresh_token": self.refresh,
                "expires_in": self.lasts,
            }


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    endpoint: TokenEndpoint


class _Connection(BaseHTTPRequestHandler):
    server: _Server

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - named by the base class
        """Say nothing."""

    def do_POST(self) -> None:
        """Answer one grant."""
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        status, content = self.server.endpoint.answer(body)
        data = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
