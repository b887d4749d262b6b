"""The `errand` command as a person starts it: in a pipe, or at a terminal."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from tests.acceptance.conftest import Errand

ERRAND = str(Path(sys.executable).with_name("errand"))
#: Ctrl-C works in what we start, also where the tests themselves were started without it.
_AS_TYPED = (
    "import fcntl, os, signal, sys, termios\n"
    "signal.signal(signal.SIGINT, signal.SIG_DFL)\n"
    "os.isatty(0) and fcntl.ioctl(0, termios.TIOCSCTTY, 0)\n"
    "os.execv(sys.argv[1], sys.argv[1:])\n"
)


def environment(errand: Errand, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return what the command needs to find that server and its token."""
    ours = {"ERRAND_URL": errand.url, "ERRAND_DATA_DIR": str(errand.data), "TERM": "xterm-256color"}
    return {**os.environ, **ours, **(extra or {})}


def call(
    errand: Errand, *arguments: str, stdin: bytes = b"", env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Run it to its end in pipes."""
    return subprocess.run(
        [ERRAND, *arguments],
        input=stdin,
        capture_output=True,
        env=environment(errand, env),
        timeout=60,
        check=False,
    )


def start(errand: Errand, *arguments: str) -> subprocess.Popen[bytes]:
    """Start it in pipes; the caller waits for it."""
    return subprocess.Popen(
        [sys.executable, "-c", _AS_TYPED, ERRAND, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(errand),
    )


class Terminal:
    """It at a terminal of its own."""

    def __init__(self, errand: Errand, *arguments: str, width: int = 120) -> None:
        self._side, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, width, 0, 0))
        self.process = subprocess.Popen(
            [sys.executable, "-c", _AS_TYPED, ERRAND, *arguments],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=environment(errand),
            start_new_session=True,
        )
        os.close(theirs)
        self.screen = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)
        os.close(self._side)

    def press(self, keys: str) -> None:
        """Type; the character 3 is Ctrl-C."""
        os.write(self._side, keys.encode())

    def see(self, pattern: str, timeout: float = 20) -> str:
        """Wait until the screen shows it; return what matched."""
        deadline = time.monotonic() + timeout
        while (found := re.search(pattern, self.screen)) is None:
            assert time.monotonic() < deadline, f"{pattern!r} is not in {self.screen!r}"
            assert self._read(), f"it ended, and {pattern!r} is not in {self.screen!r}"
        return found[0]

    def end(self, timeout: float = 20) -> int:
        """Read to the end; return the exit status."""
        deadline = time.monotonic() + timeout
        while self._read():
            assert time.monotonic() < deadline, self.screen
        return self.process.wait(timeout)

    def _read(self) -> bool:
        if not select.select([self._side], [], [], 0.2)[0]:
            return True
        try:
            data = os.read(self._side, 65536)
        except OSError:  # how Linux says that the other side is closed
            return False
        self.screen += data.decode("utf-8", "replace").replace("\r\n", "\n")
        return bool(data)
