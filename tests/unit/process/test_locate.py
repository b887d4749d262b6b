"""Where a program is looked for, and what is said when it is not usable."""

import errno
import os
from pathlib import Path

import pytest

from app.process.errors import ProgramMissing, ProgramNotExecutable, StartFailed, WorkspaceUnusable
from app.process.locate import explain, locate, require_directory, require_writable


@pytest.fixture
def tool(tmp_path: Path) -> Path:
    """An executable in a folder of its own."""
    path = tmp_path / "bin" / "tool"
    path.parent.mkdir()
    path.touch(mode=0o755)
    return path


def test_the_first_executable_on_the_path_is_taken(tool: Path, tmp_path: Path) -> None:
    """A file that cannot be executed is passed over for one later on the PATH that can."""
    (tmp_path / "tool").touch(mode=0o644)

    assert locate("tool", {"PATH": f"{tmp_path}:{tool.parent}"}, tmp_path) == str(tool)


@pytest.mark.parametrize("path", ["", ".", "bin", ":", "bin:."])
def test_the_workspace_is_never_on_the_path(tool: Path, tmp_path: Path, path: str) -> None:
    """An empty or relative PATH entry would run what the workspace brings; it is not used."""
    for cwd in (tmp_path, tool.parent):
        with pytest.raises(ProgramMissing):
            locate("tool", {"PATH": path}, cwd)


def test_a_name_with_a_slash_belongs_to_the_working_directory(tool: Path, tmp_path: Path) -> None:
    """As for execve, but counted from where the program will run."""
    assert locate("bin/tool", {}, tmp_path) == str(tool)
    assert locate(str(tool), {}, Path("/")) == str(tool)


def test_a_directory_is_no_program(tmp_path: Path) -> None:
    """A folder of the program's name is as good as nothing."""
    (tmp_path / "tool").mkdir()
    with pytest.raises(ProgramMissing):
        locate("tool", {"PATH": str(tmp_path)}, tmp_path)


def test_an_impossible_name() -> None:
    """A NUL in the name is a missing program."""
    with pytest.raises(ProgramMissing):
        locate("to\0ol", {"PATH": "/bin"}, Path("/"))


def test_directories_are_judged(tmp_path: Path) -> None:
    """Missing, a file, fine."""
    (tmp_path / "file").touch()
    require_writable(tmp_path)
    with pytest.raises(WorkspaceUnusable, match="missing"):
        require_directory(tmp_path / "gone")
    with pytest.raises(WorkspaceUnusable, match="not a directory"):
        require_directory(tmp_path / "file")


def test_what_one_may_not_write_is_no_workspace() -> None:
    """The root directory is refused to everybody but root (in a fork that is not)."""
    pid = os.fork()
    if pid == 0:
        if os.getuid() == 0:
            os.setuid(65534)
        try:
            require_writable(Path("/"))
        except WorkspaceUnusable as error:
            os._exit(7 if "not writable" in error.message else 8)
        os._exit(9)

    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7


@pytest.mark.parametrize(
    ("number", "kind", "words"),
    [
        (errno.EAGAIN, StartFailed, "temporarily unavailable"),
        (errno.EMFILE, StartFailed, "open files"),
        (errno.ENOENT, ProgramNotExecutable, "interpreter"),
        (errno.ENOEXEC, ProgramNotExecutable, "format"),
    ],
)
def test_each_failure_has_its_words(number: int, kind: type[StartFailed], words: str) -> None:
    """The system's errors become our types with a detail for people."""
    error = explain(number, "tool", "/bin/tool")

    assert type(error) is kind
    assert words in error.message
