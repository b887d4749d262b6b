"""A real web server (gunicorn with gevent, as in production) for tests, and clients for it."""

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import orjson
import psutil
import websocket

from app.settings import PROJECT_ROOT
from tests.services import free_port
from tests.waiting import wait_until

TOKEN = "token-for-these-tests"


class WebServer:
    """`gunicorn wsgi:app` on a loopback port, with as many processes as asked for."""

    def __init__(self, folder: Path, *, database_url: str, redis_url: str, processes: int = 1) -> None:
        self.port = free_port()
        self._log = folder / "web.log"
        self._environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "DATABASE_URL": database_url.replace("postgresql+psycopg2", "postgres"),
            "REDIS_URL": redis_url,
            "ERRAND_DATA_DIR": str(folder),
            "ERRAND_ADMIN_TOKEN": TOKEN,
            "ERRAND_PUBLIC_URL": "https://errand.example",
            "SECRET_KEY": "for-these-tests",
            "WEB_CONCURRENCY": str(processes),
        }
        self._process: subprocess.Popen[bytes] | None = None
        self._clients: list[Client] = []

    def start(self) -> None:
        """Start it and wait until it answers."""
        command = [sys.executable, "-m", "gunicorn", "wsgi:app", "--bind", f"127.0.0.1:{self.port}"]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                command, cwd=PROJECT_ROOT, env=self._environment, stdout=log, stderr=log
            )
        wait_until(self._answers, 20, message=f"the web server answers; its log is {self._log}")

    def hang_up(self) -> None:
        """Close what is still open of the clients."""
        for client in self._clients:
            client.drop()
        self._clients.clear()

    def stop(self) -> None:
        """Ask it to stop, as a deploy does."""
        process = self._process
        assert process is not None
        process.terminate()
        try:
            process.wait(20)
        finally:
            process.kill()
            process.wait()

    @property
    def log(self) -> str:
        """What it logged."""
        return self._log.read_text()

    @property
    def workers(self) -> list[psutil.Process]:
        """The processes that serve."""
        assert self._process is not None
        return psutil.Process(self._process.pid).children()

    def connect(
        self, path: str, *, token: str | None = TOKEN, header: dict[str, str] | None = None, **options: Any
    ) -> "Client":
        """Open a WebSocket."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        origin = options.pop("origin", None)
        ws = websocket.create_connection(
            f"ws://127.0.0.1:{self.port}{path}",
            header=headers | (header or {}),
            origin=origin,
            suppress_origin=origin is None,
            timeout=15,
            skip_utf8_validation=True,  # in pure Python it takes longer than everything else here
            **options,
        )
        self._clients.append(Client(ws))
        return self._clients[-1]

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.log
        try:
            return httpx.get(f"http://127.0.0.1:{self.port}/healthz").status_code == 200
        except httpx.TransportError:
            return False


class Client:
    """One WebSocket, as a program sees it."""

    def __init__(self, ws: websocket.WebSocket) -> None:
        self.ws = ws
        self.messages: list[dict[str, Any]] = []
        self.code: int | None = None
        self.reason = ""

    def receive(self) -> dict[str, Any] | None:
        """Return the next message; None at the end, which leaves its code."""
        opcode, data = self.ws.recv_data()
        if opcode == websocket.ABNF.OPCODE_CLOSE:
            self.code, self.reason = int.from_bytes(data[:2], "big"), data[2:].decode()
            self.ws.send_close(self.code)
            self.drop()
            return None
        message: dict[str, Any] = orjson.loads(data)
        self.messages.append(message)
        return message

    def receive_all(self) -> "Client":
        """Receive to the end."""
        while self.receive() is not None:
            pass
        return self

    def seqs(self) -> list[int]:
        """Return the seqs of all Events, as they came."""
        return [e["seq"] for m in self.messages if m["type"] == "events" for e in m["events"]]

    def drop(self) -> None:
        """Be gone without a goodbye."""
        self.ws.shutdown()  # type: ignore[no-untyped-call]

    def close(self) -> None:
        """Say goodbye."""
        self.ws.close()


def raw_request(port: int, path: str, *headers: str) -> bytes:
    """Send a handshake by hand and return the beginning of the answer."""
    lines = [f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", *headers, "", ""]
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall("\r\n".join(lines).encode())
        return connection.recv(65536)
