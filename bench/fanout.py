"""How long a message takes from the publisher to 1000 viewers, against a bare broadcast in the same run.

    python bench/fanout.py [--viewers 1000] [--rate 10] [--seconds 3]

Both servers are one gevent process; both are watched by one client process that stamps what arrives. The
bare one keeps a list of sockets and writes a ready-made frame to each: nothing can be quicker in this
process model. The ratio is what Errand adds: Redis, the rows behind it, order, and back-pressure.
"""

import argparse
import json
import os
import selectors
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from app.db import migrate
from app.db.engine import Database
from app.live.publisher import Publisher
from tests.integration.live.stage import Run, new_task
from tests.integration.live.web import TOKEN, WebServer
from tests.services import RedisServer, free_port

_BARE = """
from gevent import monkey; monkey.patch_all()
import sys, time
from gevent.server import StreamServer
from app.live.wire import frame
viewers = []
def serve(sock, _address):
    head = sock.recv(65536)
    if b"/publish" in head:
        while True:
            data = sock.recv(65536)
            if not data:
                return
            ready = frame(0x81, data.strip())
            for viewer in viewers:
                viewer.sendall(ready)
    else:
        sock.sendall(b"HTTP/1.1 101 Switching Protocols\\r\\n\\r\\n")
        viewers.append(sock)
        while sock.recv(4096):
            pass
StreamServer(("127.0.0.1", int(sys.argv[1])), serve, backlog=4096).serve_forever()
"""


class Viewers:
    """Many sockets read by one thread; notes how long each stamped message was on its way."""

    def __init__(self, port: int, path: str, count: int) -> None:
        self.delays: list[float] = []
        self.reading = True
        self._selector = selectors.EpollSelector()
        request = (
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
            f"Authorization: Bearer {TOKEN}\r\n\r\n"
        ).encode()
        for _ in range(count):
            sock = socket.create_connection(("127.0.0.1", port))
            sock.sendall(request)
            if b" 101 " not in sock.recv(65536):
                raise SystemExit("a viewer was not let in")
            sock.setblocking(False)
            self._selector.register(sock, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        while self.reading:
            for key, _ in self._selector.select(0.5):
                data = key.fileobj.recv(65536)  # type: ignore[union-attr]
                now = time.monotonic()
                for part in data.split(b"stamp:")[1:]:
                    self.delays.append(now - float(part[:20]))

    def close(self) -> None:
        """Hang up."""
        self.reading = False
        self._thread.join()
        for key in list(self._selector.get_map().values()):
            key.fileobj.close()  # type: ignore[union-attr]


def _stamp() -> str:
    return f"stamp:{time.monotonic():020.9f}" + "x" * 100


def _measure(
    viewers: Viewers, publish: Callable[[], None], options: argparse.Namespace
) -> tuple[float, float]:
    expected = options.viewers * options.rate * options.seconds
    for _ in range(options.rate * options.seconds):
        began = time.monotonic()
        publish()
        time.sleep(max(0.0, 1 / options.rate - (time.monotonic() - began)))
    deadline = time.monotonic() + 10
    while len(viewers.delays) < expected and time.monotonic() < deadline:
        time.sleep(0.05)
    if len(viewers.delays) != expected:
        raise SystemExit(f"{len(viewers.delays)} of {expected} messages arrived")
    cuts = statistics.quantiles(viewers.delays, n=100)
    return cuts[49] * 1000, cuts[98] * 1000


def _bare(options: argparse.Namespace) -> tuple[float, float]:
    port = free_port()
    root = str(Path(__file__).resolve().parent.parent)
    server = subprocess.Popen([sys.executable, "-c", _BARE, str(port)], env=os.environ | {"PYTHONPATH": root})
    try:
        for _ in range(200):
            try:
                publisher = socket.create_connection(("127.0.0.1", port))
                break
            except OSError:
                time.sleep(0.05)
        publisher.sendall(b"GET /publish")
        viewers = Viewers(port, "/", options.viewers)
        result = _measure(viewers, lambda: publisher.sendall(_stamp().encode()), options)
        viewers.close()
        publisher.close()
        return result
    finally:
        server.kill()
        server.wait()


def _errand(options: argparse.Namespace, folder: Path) -> tuple[float, float]:
    (folder / "redis").mkdir()
    redis = RedisServer(folder / "redis")
    redis.start()
    url = f"sqlite:///{folder / 'errand.db'}"
    migrate.upgrade(url)
    db, publisher = Database(url), Publisher(redis.url)
    web = WebServer(folder, database_url=url, redis_url=redis.url)
    web.start()
    try:
        run = Run(db, publisher, new_task(db))
        began = time.monotonic()
        viewers = Viewers(web.port, f"/ws/tasks/{run.task.id}?after={run.seq}", options.viewers)
        connected = time.monotonic() - began
        time.sleep(2)  # every viewer has read its rows
        p50, p99 = _measure(viewers, lambda: run.print(_stamp()), options)
        memory = web.workers[0].memory_info().rss / 1e6
        print(f"errand: {options.viewers} connected in {connected:.1f} s, web process {memory:.0f} MB")
        viewers.close()
        return p50, p99
    finally:
        web.stop()
        redis.stop()
        db.close()


def main() -> None:
    """Measure both and print one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--viewers", type=int, default=1000)
    parser.add_argument("--rate", type=int, default=10)
    parser.add_argument("--seconds", type=int, default=3)
    options = parser.parse_args()
    bare = _bare(options)
    with tempfile.TemporaryDirectory() as folder:
        ours = _errand(options, Path(folder))
    ratio = [mine / theirs for mine, theirs in zip(ours, bare, strict=True)]
    for name, (p50, p99) in {"bare": bare, "errand": ours, "errand/bare": ratio}.items():
        print(json.dumps({"what": name, "p50": round(p50, 2), "p99": round(p99, 2)}))


if __name__ == "__main__":
    main()
