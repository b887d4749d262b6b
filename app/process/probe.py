"""Run a short command to its end: `claude --version`, git."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.process.exit import Exit
from app.process.mark import new_mark
from app.process.process import Command, Process


@dataclass(frozen=True)
class Completed:
    """How it went. `exit` is None when the time was up; its tree was killed then."""

    exit: Exit | None
    stdout: bytes
    stderr: bytes
    #: More was printed than was kept.
    truncated: bool = False

    @property
    def ok(self) -> bool:
        """It ended by itself with code 0."""
        return self.exit is not None and self.exit.code == 0


def run(
    argv: Sequence[str],
    *,
    timeout: float,
    env: Mapping[str, str],
    cwd: Path = Path("/"),
    stdin: bytes = b"",
    max_bytes: int = 1024 * 1024,
    mark: str | None = None,
    wrapped: bool = False,
) -> Completed:
    """Run `argv` for at most `timeout` seconds; keep the first `max_bytes` of each stream, and nothing alive.

    Raises what `Process.start` raises; a failure of the command itself is a value.
    """
    deadline = time.monotonic() + timeout
    out, err = _Kept(max_bytes), _Kept(max_bytes)
    command = Command(tuple(argv), cwd, env, stdin, wrapped)
    with Process.start(command, mark=mark or new_mark("probe"), writes=False) as process:
        while process.exit is None and (left := deadline - time.monotonic()) > 0:
            output = process.read(left)
            out.add(output.stdout)
            err.add(output.stderr)
        return Completed(process.exit, bytes(out.data), bytes(err.data), out.more or err.more)


class _Kept:
    """The beginning of a stream."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.data = bytearray()
        self.more = False

    def add(self, data: bytes) -> None:
        room = self.size - len(self.data)
        self.data += data[:room]
        self.more = self.more or len(data) > room
