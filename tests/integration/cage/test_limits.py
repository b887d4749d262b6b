"""RUN-17: what takes too much is ended, with the limit and by how much; others go on."""

import os
import time

import pytest

from app.domain.reason import Reason
from app.domain.sandbox import Level
from app.domain.task import TaskState
from tests.integration.cage.conftest import Yard, tree_of
from tests.waiting import wait_until

_LEVELS = list(Level)
#: Grows to three times its limit, unless it is stopped.
_HOG = 'a=x; i=0; while [ $i -lt 29 ]; do a="$a$a"; i=$((i+1)); done; sleep 60'
#: 511 processes in no time, and then no more: whoever shares the machine with a test is spared the rest.
_BOMB = "bomb() { if [ $1 -gt 0 ]; then bomb $(($1 - 1)) & bomb $(($1 - 1)) & fi; sleep 20; }; bomb 8"
_LIMITS = {"memory_limit": 200 * 1024**2, "process_limit": 60, "workspace_limit": 40 * 1024**2}


@pytest.fixture
def narrow(yard: Yard) -> Yard:
    """A Runner that grants little."""
    yard.limit(**_LIMITS)
    return yard


def _ends(narrow: Yard, level: Level, script: str, reason: Reason, *words: str) -> None:
    """Run it beside another Task, which must not notice."""
    if narrow.missing(level) is not None:
        return
    beside = narrow.at(level, "for n in 1 2 3 4 5 6; do sleep 0.5; echo $n; done")
    going = narrow.start(beside)
    wait_until(lambda: narrow.task(beside.id).sandbox == level.label)
    began = time.monotonic()

    task, _ = narrow.done(level, script)

    assert (task.state, task.reason) == (TaskState.FAILED, reason), task.detail
    assert all(word in task.detail for word in words), task.detail
    assert time.monotonic() - began < 15
    assert tree_of(task.id) == []
    going.result(timeout=30)
    assert narrow.task(beside.id).state is TaskState.COMPLETED
    assert narrow.output(beside).split() == [b"1", b"2", b"3", b"4", b"5", b"6"]


@pytest.mark.parametrize("level", _LEVELS, ids=lambda level: level.label)
def test_a_memory_hog_is_ended(narrow: Yard, level: Level) -> None:
    """The sentence has both figures."""
    _ends(narrow, level, _HOG, Reason.MEMORY_LIMIT, "MB of memory, with a limit of 200.0 MB")


@pytest.mark.parametrize("level", _LEVELS, ids=lambda level: level.label)
def test_a_fork_bomb_is_ended(narrow: Yard, level: Level) -> None:
    """Its host stays usable and nothing of it is left."""
    _ends(narrow, level, _BOMB, Reason.PROCESS_LIMIT, "processes, with a limit of 60")


@pytest.mark.parametrize("level", _LEVELS, ids=lambda level: level.label)
def test_a_full_workspace_is_ended(narrow: Yard, level: Level) -> None:
    """Many files, all of them small enough."""
    fill = (
        "n=0; while [ $n -lt 500 ]; do head -c 1048576 /dev/zero >f$n; n=$((n+1)); sleep 0.02; done; sleep 60"
    )
    _ends(narrow, level, fill, Reason.WORKSPACE_LIMIT, "or more, with a limit of 40.0 MB")


def test_one_file_does_not_grow_beyond_the_limit(narrow: Yard) -> None:
    """The kernel holds that one at once."""
    script = "trap '' XFSZ; head -c 100000000 /dev/zero >big; stat -c %s big; rm big"

    _, printed = narrow.done(Level.LIMITS, script)

    assert printed.split() == [str(_LIMITS["workspace_limit"])]


@pytest.mark.parametrize("level", _LEVELS, ids=lambda level: level.label)
def test_the_kernels_limits_are_set(narrow: Yard, level: Level) -> None:
    """No core dumps, few open files, and what is written is the owner's alone."""
    if narrow.missing(level) is not None:
        return
    script = "bash -c 'ulimit -c -n; umask'; grep NoNewPrivs /proc/self/status"
    _, printed = narrow.done(level, script)

    assert "4096" in printed
    assert printed.splitlines()[0].split()[-1] == "0"
    assert "0077" in printed
    caged = level is Level.CAGE or (level is Level.USER and os.geteuid() == 0)
    assert ("NoNewPrivs:\t1" in printed) is caged
