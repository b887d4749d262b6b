"""What the supervisor reads from /proc."""

import os
from pathlib import Path

import pytest

from app.process.mark import installation, is_marked, new_mark
from app.process.supervisor import Stat, below, read_processes, read_stat


def stat(parent: int) -> Stat:
    """Return a sleeping process with this parent."""
    return Stat(f"1 (x) S {parent} 1 1 0".encode())


@pytest.mark.parametrize("name", ["sh", "a b", "(sd-pam)", ") S 1 1 1", "\n"])
def test_a_process_may_have_any_name(name: str) -> None:
    """State, parent and group are found behind names with spaces, parentheses and newlines."""
    found = Stat(f"42 ({name}) T 7 8 9 0 -1".encode())

    assert (found.state, found.parent, found.group) == (b"T", 7, 8)
    assert found.still


def test_descendants_of_any_depth_are_found() -> None:
    """Children, their children, and nobody else."""
    processes = {1: stat(0), 2: stat(1), 10: stat(2), 11: stat(10), 12: stat(11), 20: stat(1)}

    assert below(2, processes).keys() == {10, 11, 12}
    assert below(12, processes) == {}


def test_a_loop_of_reused_pids_ends() -> None:
    """Two looks at different moments can make a circle; it does not hang."""
    assert below(1, {2: stat(3), 3: stat(2), 4: stat(1), 1: stat(4)}).keys() == {4, 1}


def test_we_are_among_the_processes() -> None:
    """The machine's processes include this one below its parent."""
    me = read_processes()[os.getpid()]

    assert me.parent == os.getppid()
    assert os.getpid() in below(me.parent, read_processes())
    assert read_stat(2**22 + 1) is None


def test_marks_are_unique_and_bear_their_installation(tmp_path: Path) -> None:
    """No two marks are alike; a prefix matches its own only."""
    one, two = installation(tmp_path / "one"), installation(tmp_path / "two")
    mark = new_mark(one, "task", 3)

    assert mark.startswith(f"{one}:task:3:")
    assert mark != new_mark(one, "task", 3)
    assert is_marked(mark, one)
    assert not is_marked(mark, two)
    assert not is_marked(mark, one[:-1])
    assert installation(tmp_path / "x" / ".." / "one") == one
