"""A process that dies is started again, and one that is to end ends with all it started."""

import itertools
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from app.cli.up.keeper import Keeper
from app.cli.up.services import Service
from app.process import Child, installation, new_mark
from tests.waiting import wait_until

Keep = Callable[..., Keeper]


@pytest.fixture
def said() -> list[str]:
    """What the keeper told the person."""
    return []


@pytest.fixture
def keep(tmp_path: Path, said: list[str]) -> Iterator[Keep]:
    """Keep a small Python program running."""
    keepers: list[Keeper] = []

    def launch(service: Service) -> Child:
        mark = new_mark(installation(tmp_path), "up", service.name)
        return Child.start(
            service.argv, cwd=tmp_path, env=dict(os.environ), mark=mark, eof_grace=1, stdin=service.stdin
        )

    def start(program: str, *, stdin: bytes = b"", argv: tuple[str, ...] = ()) -> Keeper:
        service = Service("it", argv or (sys.executable, "-c", program), stdin=stdin)
        keeper = Keeper(service, launch, said.append)
        keepers.append(keeper)
        keeper.start()
        return keeper

    yield start
    for keeper in keepers:
        keeper.close()


def _again(keeper: Keeper) -> None:
    wait_until(keeper.look, message="started again")


def test_what_can_not_be_started_again_now_is_tried_later(
    keep: Keep, said: list[str], tmp_path: Path
) -> None:
    """Its program is away for a moment, as in an upgrade: everything else goes on meanwhile."""
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\nexec sleep 60\n")
    program.chmod(0o755)
    keeper = keep("", argv=(str(program),))
    assert keeper.pid is not None
    running = psutil.Process(keeper.pid)
    wait_until(lambda: running.name() == "sleep")
    program.rename(tmp_path / "away")
    running.kill()
    wait_until(lambda: not keeper.look() and len(said) >= 3, message="it was tried and failed")
    assert "could not be started" in said[-1]

    (tmp_path / "away").rename(program)

    _again(keeper)
    assert keeper.pid is not None


def test_what_dies_is_started_again_and_that_is_said(keep: Keep, said: list[str]) -> None:
    """A SIGKILL costs a fraction of a second."""
    keeper = keep("import time; time.sleep(60)")
    first = keeper.pid
    assert first is not None
    psutil.Process(first).kill()

    _again(keeper)

    assert keeper.pid not in {None, first}
    assert said == ["it ended by itself (signal 9); starting it again ..."]


def test_what_dies_again_and_again_waits_longer_each_time(keep: Keep) -> None:
    """A program that can't run doesn't heat the machine."""
    keeper = keep("raise SystemExit(7)")
    times = [time.monotonic()]
    for _ in range(3):
        _again(keeper)
        times.append(time.monotonic())

    pauses = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert pauses[0] >= 0.2
    assert pauses[1] >= 0.4
    assert pauses[2] >= 0.8
    assert keeper.failures == 3


def test_what_was_asked_to_stop_is_not_started_again(keep: Keep) -> None:
    """An end that was wanted is the end."""
    keeper = keep("import time; time.sleep(60)")

    keeper.stop()
    wait_until(lambda: keeper.ended, message="ended")

    assert not keeper.look()
    assert keeper.ended


def test_closing_ends_what_ignores_sigterm_and_all_it_started(keep: Keep, tmp_path: Path) -> None:
    """Nothing is left, however stubborn."""
    keeper = keep(
        "import signal, subprocess, sys, time, pathlib\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "sleep = [sys.executable, '-c', 'import time; time.sleep(60)']\n"
        "child = subprocess.Popen(sleep, start_new_session=True)\n"
        "pathlib.Path('started').write_text(str(child.pid))\n"
        "time.sleep(60)"
    )
    pid = int(wait_until(lambda: _text(tmp_path / "started"), message="its child runs"))

    keeper.stop()
    keeper.close()

    assert keeper.ended
    assert not psutil.pid_exists(pid)


def test_stdin_is_handed_over(keep: Keep, tmp_path: Path) -> None:
    """What nobody else may read goes this way, and ends."""
    keep(
        "import sys, pathlib, time; pathlib.Path('got').write_text(sys.stdin.read()); time.sleep(60)",
        stdin=b"x" * 9,
    )

    assert wait_until(lambda: _text(tmp_path / "got")) == "x" * 9


def _text(path: Path) -> str:
    return path.read_text() if path.exists() else ""
