"""What has to hold before anything is started: a free port, a folder to write to, nobody else in it."""

import contextlib
import errno
import fcntl
import html
import json
import os
import socket
import time
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import psutil

from app.errors import Conflict, Unavailable
from app.process import installation, sweep

#: Seconds the processes of a bin/up that was killed get to end by themselves; they need two or three.
_LEFTOVER_PATIENCE = 15


class DataDir:
    """The data dir, held by one bin/up at a time; `up.lock` in it names who holds it and what he started."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: IO[str]

    def __enter__(self) -> Self:
        """Take it; raises Conflict naming who has it, and Unavailable where it can't be written."""
        self._lock = self._open()
        try:
            self._claim()
            self._wait_for_leftovers()
            sweep(installation(self.path))
            self.note([])
        except BaseException:
            self._lock.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let go of it; the file stays, because a lock on a file that was deleted holds nobody."""
        self._lock.close()

    def note(self, pids: list[int]) -> None:
        """Write down what was started, for a next bin/up that comes too soon after this one was killed."""
        running = [[pid, started] for pid in pids if (started := _started(pid)) is not None]
        # On a full disk it stays as it was, or empty: the next bin/up then finds them by their mark alone.
        with contextlib.suppress(OSError):
            self._lock.seek(0)
            self._lock.truncate()
            json.dump({"pid": os.getpid(), "children": running}, self._lock)
            self._lock.flush()

    def signpost(self, url: str) -> Path:
        """Write a page that leads to `url`, for us alone to read, and return where it is.

        The browser's own arguments can be read by everybody on the machine, and the token is in the url.
        """
        path = self.path / "open.html"
        path.unlink(missing_ok=True)
        path.touch(mode=0o600)
        path.write_text(f'<meta http-equiv="refresh" content="0; url={html.escape(url)}">\n')
        return path

    def _open(self) -> IO[str]:
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            return (self.path / "up.lock").open("a+")
        except OSError as error:
            raise Unavailable(
                f"Can't write to {self.path} ({error.strerror}): make room or give the right to, "
                "or choose another folder with --data."
            ) from error

    def _claim(self) -> None:
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = self._read().get("pid", "unknown")
            raise Conflict(
                f"{self.path} is in use by another bin/up (process {holder}): stop that one, "
                "or choose another folder with --data."
            ) from None

    def _read(self) -> dict[str, object]:
        self._lock.seek(0)
        try:
            found = json.load(self._lock)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    def _wait_for_leftovers(self) -> None:
        # Two Redis servers must never write to one folder.
        children = self._read().get("children")
        deadline = time.monotonic() + _LEFTOVER_PATIENCE
        for pid, started in children if isinstance(children, list) else []:
            while _started(pid) == started:
                if time.monotonic() > deadline:
                    raise Conflict(
                        f"{self.path} is still in use by process {pid} of an earlier bin/up: end it."
                    )
                time.sleep(0.05)


def claim_port(wanted: int) -> int:
    """Return `wanted`, or any free port for 0; raises Conflict when somebody listens there."""
    try:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", wanted))
            port: int = probe.getsockname()[1]
            return port
    except OSError as error:
        why = "is taken" if error.errno == errno.EADDRINUSE else f"can't be used ({error.strerror})"
        raise Conflict(
            f"Port {wanted} {why}: stop what listens there, or choose another one with --port."
        ) from error
    except OverflowError:
        raise Conflict(f"There is no port {wanted}: choose one from 1 to 65535 with --port.") from None


def _started(pid: int) -> float | None:
    """Return when the process was started: that and its number name it for good. None if it is gone."""
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else process.create_time()
    except psutil.NoSuchProcess:
        return None
