"""A program that is run to its end at once: its output, its limits."""

import time

from app.process import Exit, run
from tests.integration.process.conftest import ENV, Forest


def test_run_returns_what_was_printed() -> None:
    """A probe's streams and exit come back; input is given."""
    completed = run(["sh", "-c", "cat; echo error >&2; exit 2"], timeout=10, env=ENV, stdin=b"in")

    assert (completed.stdout, completed.stderr, completed.exit) == (b"in", b"error\n", Exit(code=2))
    assert not completed.ok
    assert not completed.truncated
    assert run(["true"], timeout=10, env=ENV).ok


def test_run_ends_what_takes_too_long(forest: Forest) -> None:
    """A probe that ignores everything is ended with its tree in time, and what it printed is kept."""
    command = forest.command()
    began = time.monotonic()

    completed = run(["sh", "-c", 'echo begun; exec "$@"', "--", *command.argv], timeout=1, env=ENV)

    assert completed.exit is None
    assert completed.stdout == b"begun\n"
    assert forest.alive() == []
    assert time.monotonic() - began < 5


def test_run_caps_what_it_keeps() -> None:
    """An endless printer costs no memory; a long one still ends with its own code."""
    endless = run(["yes"], timeout=0.3, env=ENV, max_bytes=1000)
    long = run(["sh", "-c", "head -c 1000000 /dev/zero; exit 7"], timeout=10, env=ENV, max_bytes=1000)

    assert len(endless.stdout) == 1000
    assert endless.truncated
    assert (len(long.stdout), long.truncated, long.exit) == (1000, True, Exit(code=7))
