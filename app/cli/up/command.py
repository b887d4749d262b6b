"""The command itself: check the ground, start everything, tell the URL, watch, and end it in order."""

import argparse
import contextlib
import http.client
import os
import signal
import sys
import time
import webbrowser
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from app import settings as environment
from app.cli import link
from app.cli.up import services
from app.cli.up.ground import DataDir, claim_port
from app.cli.up.keeper import Keeper
from app.db import migrate
from app.errors import ErrandError, Unavailable
from app.process import Child, installation, new_mark
from app.redis_server import RedisServer
from app.settings import PROJECT_ROOT, Settings, load_settings

#: Deaths before the first answer after which bin/up gives up: then it is not an accident.
_HOPELESS = 3
_START_PATIENCE = 60.0
_TICK = 0.05
#: Who is ended, in this order, and how many seconds after the CLIs' grace they are killed.
_END_ORDER = ((("worker", "control"), 3.0), (("web",), 4.0), (("redis",), 4.5))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until asked to stop; return the exit status."""
    options = _parse(arguments)
    try:
        settings = _settings(options)
        with DataDir(settings.data_dir) as data_dir:
            port = claim_port(settings.port if options.port is None else options.port)
            return Up(_settings(options, port=port), data_dir, show=not options.no_browser).run()
    except ErrandError as error:
        return _refuse(error.message)
    except OSError as error:
        return _refuse(f"{error.filename or 'The system'}: {error.strerror or error}; free it and try again.")


class StoppedEarly(Exception):
    """Somebody asked to stop while things were being started."""


class Up:
    """One run of bin/up."""

    def __init__(self, settings: Settings, data_dir: DataDir, *, show: bool) -> None:
        self._settings = settings
        self._data_dir = data_dir
        self._show = show
        self._keepers: list[Keeper] = []
        #: How often somebody asked to stop: once is polite, twice is in a hurry.
        self._asked = 0

    def run(self) -> int:
        """Start, watch, end."""
        self._listen()
        try:
            self._start()
            while not self._asked:
                self._tick()
        except StoppedEarly:
            pass
        finally:
            self._finish()
        return 0

    def _start(self) -> None:
        given = "redis_url" in self._settings.model_fields_set and self._settings.redis_url
        redis = None if given else self._start_redis()
        if given and self._settings.open_redis:
            _say(f"Warning: {environment.OPEN_REDIS}")
        _say("Preparing the database ...")
        migrate.upgrade(self._settings.database_url)
        if redis is not None:
            self._wait(redis.answers, "Redis did not answer")
        _say("Starting the worker, control and web ...")
        for service in (services.worker, services.control, services.web):
            self._keep(service(self._settings))
        self._wait(self._ready, "The server did not become ready")
        url = self._address()
        _say(f"Errand is ready: {url}")
        if self._show and environment.has_desktop():
            webbrowser.open(self._data_dir.signpost(url).as_uri())

    def _address(self) -> str:
        """Return what to open; whoever reads this terminal is the admin, and the link in it is good once."""
        here = self._settings.model_copy(update={"public_url": None})
        if here.auth == "none":
            return f"http://127.0.0.1:{here.port}/"
        return link.address(here, here.admin_token()) if here.admin_token_given else link.fresh_link(here)

    def _start_redis(self) -> RedisServer:
        directory = self._settings.data_dir / "redis"
        directory.mkdir(mode=0o700, exist_ok=True)
        server = RedisServer(directory, port=claim_port(0))
        _say(f"Starting Redis on 127.0.0.1:{server.port} ...")
        environment.hand_down({"REDIS_URL": server.url})
        self._keep(services.redis(server))
        return server

    def _keep(self, service: services.Service) -> None:
        keeper = Keeper(service, self._launch, _say)
        self._keepers.append(keeper)
        keeper.start()
        self._note()

    def _launch(self, service: services.Service) -> Child:
        return Child.start(
            service.argv,
            cwd=PROJECT_ROOT,
            env=environment.inherited(),
            mark=new_mark(installation(self._settings.data_dir), "up", service.name),
            eof_grace=service.eof_grace,
            stdin=service.stdin,
        )

    def _note(self) -> None:
        self._data_dir.note([keeper.pid for keeper in self._keepers if keeper.pid is not None])

    def _tick(self) -> None:
        time.sleep(_TICK)
        started = [keeper for keeper in self._keepers if keeper.look()]
        if started:
            self._note()

    def _wait(self, condition: Callable[[], bool], failure: str) -> None:
        """Watch over what was started until `condition` holds."""
        deadline = time.monotonic() + _START_PATIENCE
        while not condition():
            self._tick()
            hopeless = next((keeper.name for keeper in self._keepers if keeper.failures >= _HOPELESS), None)
            if hopeless is not None:
                raise Unavailable(f"{failure}: {hopeless} ended {_HOPELESS} times; its lines above say why.")
            if time.monotonic() > deadline:
                raise Unavailable(f"{failure} within {_START_PATIENCE:.0f} s; the lines above may say why.")
            if self._asked:
                raise StoppedEarly

    def _ready(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self._settings.port, timeout=1)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def _listen(self) -> None:
        signal.signal(signal.SIGINT, self._ask)
        signal.signal(signal.SIGTERM, self._ask)
        if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # nohup means it
            signal.signal(signal.SIGHUP, self._ask)

    def _ask(self, _number: int, _frame: object) -> None:
        self._asked += 1

    def _finish(self) -> None:
        """End the CLIs and their worker first, then who shows them, then who carries the messages."""
        grace = self._settings.shutdown_grace
        if self._asked:
            _say(f"Finishing: running CLIs get {grace:.0f} s (ask again to end them now) ...")
        begun = time.monotonic()
        for names, seconds in _END_ORDER:
            self._end([keeper for keeper in self._keepers if keeper.name in names], begun + grace + seconds)
        if self._asked:
            _say("Stopped. Start it again and it goes on where it was.")

    def _end(self, keepers: list[Keeper], deadline: float) -> None:
        for keeper in keepers:
            keeper.stop()
        while not all(keeper.ended for keeper in keepers) and time.monotonic() < deadline and self._asked < 2:
            time.sleep(_TICK)
        for keeper in keepers:
            keeper.close()


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bin/up", description="Start all of Errand on this machine.")
    parser.add_argument(
        "--port", type=int, metavar="N", help="where the page is (default: PORT or 8000; 0: any)"
    )
    parser.add_argument(
        "--data", type=Path, metavar="DIR", help="where all is kept (ERRAND_DATA_DIR or data)"
    )
    parser.add_argument("--no-browser", action="store_true", help="don't open the page")
    return parser.parse_args(arguments)


def _settings(options: argparse.Namespace, *, port: int | None = None) -> Settings:
    """Read the settings with the options on top, which are handed down to whatever is started."""
    if options.data is not None:
        environment.hand_down({"ERRAND_DATA_DIR": str(options.data.absolute())})
    os.chdir(PROJECT_ROOT)
    settings = load_settings()
    environment.hand_down({"ERRAND_DATA_DIR": str(settings.data_dir)})
    if port is not None:
        started = datetime.now(UTC).isoformat()
        environment.hand_down({"PORT": str(port), "ERRAND_UP_STARTED": started})
    return load_settings()


def _refuse(sentence: str) -> int:
    print(f"bin/up: {sentence}", file=sys.stderr, flush=True)
    return 1


def _say(line: str) -> None:
    # A terminal that was closed must not keep us from ending in order.
    with contextlib.suppress(OSError):
        print(line, flush=True)
