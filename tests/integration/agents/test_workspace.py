"""A Session's directories on a real disk, in which a CLI may have left anything."""

import errno
import os
import stat
import uuid
from pathlib import Path

import pytest

from app.agents import Unusable
from app.domain.reason import Reason
from app.errors import Invalid
from app.process import WorkspaceUnusable
from app.runner.workspace import DiskFull, SessionDirs, failure, prepare, remove

SESSION = "6f6e1c52-7d0a-4c5e-9b1d-2f4a8e0c3b71"
SKILL = "---\nname: a-skill\ndescription: Does it.\n---\n"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data dir that is not there yet."""
    return tmp_path / "data"


@pytest.fixture
def agent(tmp_path: Path) -> Path:
    """An agent with instructions, a skill and a script."""
    folder = tmp_path / "agents" / "one"
    skill = folder / ".claude" / "skills" / "a-skill"
    (skill / "scripts").mkdir(parents=True)
    (folder / "CLAUDE.md").write_text("# One\n")
    (skill / "SKILL.md").write_text(SKILL)
    (skill / "scripts" / "do.sh").write_text("#!/bin/sh\n")
    (skill / "scripts" / "do.sh").chmod(0o755)
    return folder


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    """A folder outside of everything, which has to stay as it is."""
    folder = tmp_path / "victim"
    folder.mkdir()
    (folder / "keep.txt").write_text("mine")
    (folder / "CLAUDE.md").write_text("mine")
    return folder


def untouched(victim: Path) -> bool:
    """Whether nothing happened to the victim."""
    names = sorted(path.name for path in victim.iterdir())
    return names == ["CLAUDE.md", "keep.txt"] and (victim / "CLAUDE.md").read_text() == "mine"


def claude(dirs: SessionDirs) -> Path:
    """Return where the CLI reads its instructions."""
    return dirs.home / ".claude"


def below(folder: Path) -> list[str]:
    """List all files below, by their paths."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir())


def test_it_makes_three_directories_that_are_ours_alone(data: Path, agent: Path) -> None:
    """Whatever the umask says, nobody else may look in."""
    before = os.umask(0)
    try:
        dirs = prepare(data, SESSION, agent)
    finally:
        os.umask(before)

    assert dirs.workspace == data / "sessions" / SESSION / "workspace"
    for path in (dirs.home, dirs.workspace, dirs.tmp, dirs.home.parent):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
    # Under root, CLIs with a user of their own pass through it to their Session, and see no other's name.
    assert stat.S_IMODE((data / "sessions").stat().st_mode) == (0o711 if os.geteuid() == 0 else 0o700)
    assert below(dirs.workspace) == below(dirs.tmp) == []


def test_the_agents_instructions_are_where_the_cli_looks(data: Path, agent: Path) -> None:
    """CLAUDE.md and the skills as they are; scripts can be run."""
    home = claude(prepare(data, SESSION, agent))

    skill = "skills/a-skill"
    assert below(home) == ["CLAUDE.md", f"{skill}/SKILL.md", f"{skill}/scripts/do.sh"]
    assert (home / "CLAUDE.md").read_text() == "# One\n"
    assert os.access(home / skill / "scripts" / "do.sh", os.X_OK)


def test_what_the_conversation_needs_stays(data: Path, agent: Path) -> None:
    """Transcripts, the workspace and the rest of HOME are the same for the next Attempt."""
    dirs = prepare(data, SESSION, agent)
    kept = [
        claude(dirs) / "projects" / "-w" / "id.jsonl",
        dirs.workspace / "work.txt",
        dirs.home / ".gitconfig",
    ]
    for path in kept:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("kept")

    prepare(data, SESSION, agent)

    assert [path.read_text() for path in kept] == ["kept"] * 3


def test_another_agents_instructions_replace_the_former_ones(data: Path, agent: Path) -> None:
    """Nothing of the first agent's speaks to the second."""
    prepare(data, SESSION, agent)
    other = agent.parent / "two"
    other.mkdir()

    home = claude(prepare(data, SESSION, other))

    assert below(home) == []


def test_what_a_run_left_to_steer_the_next_is_gone(data: Path, agent: Path) -> None:
    """Settings with hooks, commands, agents and edited instructions do not outlive the Attempt."""
    home = claude(prepare(data, SESSION, agent))
    for name in (
        "settings.json",
        "commands/x.md",
        "agents/x.md",
        "skills/evil/SKILL.md",
        "skills/a-skill/SKILL.md",
    ):
        (home / name).parent.mkdir(exist_ok=True)
        (home / name).write_text("evil")

    home = claude(prepare(data, SESSION, agent))

    assert len(below(home)) == 3
    assert (home / "skills" / "a-skill" / "SKILL.md").read_text() == SKILL


@pytest.mark.parametrize(
    "place",
    ["CLAUDE.md", "skills", "skills/a-skill", "skills/a-skill/SKILL.md", "projects", ".", "settings.json"],
)
def test_links_left_in_the_instructions_are_not_followed(
    data: Path, agent: Path, victim: Path, place: str
) -> None:
    """They are replaced; what they point to stays as it was."""
    path = claude(prepare(data, SESSION, agent)) / place
    if path.is_dir():
        path.rename(path.with_name("moved-away"))
    path.unlink(missing_ok=True)
    path.symlink_to(victim if place != "CLAUDE.md" else victim / "CLAUDE.md")

    home = claude(prepare(data, SESSION, agent))

    assert untouched(victim)
    assert (home / "CLAUDE.md").read_text() == "# One\n"
    assert not any(each.is_symlink() for each in (home, *home.rglob("*")))


def test_a_directory_in_the_place_of_the_instructions_is_replaced(data: Path, agent: Path) -> None:
    """And a file in the place of a directory, too."""
    home = claude(prepare(data, SESSION, agent))
    (home / "CLAUDE.md").unlink()
    (home / "CLAUDE.md" / "deep").mkdir(parents=True)

    assert (claude(prepare(data, SESSION, agent)) / "CLAUDE.md").is_file()


@pytest.mark.parametrize("name", ["home", "workspace", "tmp", "."])
@pytest.mark.parametrize("kind", ["file", "link", "dangling link"])
def test_a_directory_that_is_none_is_unusable(
    data: Path, agent: Path, victim: Path, name: str, kind: str
) -> None:
    """With the reason and a sentence, at once; and nothing is written elsewhere."""
    session = prepare(data, SESSION, agent).home.parent
    path = session if name == "." else session / name
    path.rename(session.parent / "moved-away")
    if kind == "file":
        path.write_text("x")
    else:
        path.symlink_to(victim if kind == "link" else victim / "nothing")

    with pytest.raises(
        WorkspaceUnusable, match="a file or a link stands where a directory should be"
    ) as refused:
        prepare(data, SESSION, agent)

    assert refused.value.code == Reason.WORKSPACE_UNUSABLE
    assert untouched(victim)


def test_a_data_dir_that_is_a_file_is_unusable(data: Path, agent: Path) -> None:
    """The same for the way there."""
    data.write_text("x")

    with pytest.raises(WorkspaceUnusable):
        prepare(data, SESSION, agent)


def test_a_data_dir_may_be_reached_through_a_link(data: Path, agent: Path, tmp_path: Path) -> None:
    """Where the data is, is the operator's business."""
    (tmp_path / "disk").mkdir()
    data.symlink_to(tmp_path / "disk")

    assert prepare(data, SESSION, agent).workspace.is_dir()


@pytest.mark.parametrize(
    ("number", "kind", "reason"),
    [
        (errno.ENOSPC, DiskFull, "disk_full"),
        (errno.EDQUOT, DiskFull, "disk_full"),
        (errno.EROFS, WorkspaceUnusable, "workspace_unusable"),
        (errno.EACCES, WorkspaceUnusable, "workspace_unusable"),
        (errno.EIO, WorkspaceUnusable, "workspace_unusable"),
    ],
)
def test_every_trouble_of_the_disk_has_its_reason(number: int, kind: type[Exception], reason: str) -> None:
    """A full disk is not a mistake in permissions."""
    error = failure(OSError(number, os.strerror(number)), Path("/data"))

    assert isinstance(error, kind)
    assert error.code == reason
    assert "/data" in error.detail


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../x", "/tmp/x", "x", SESSION.upper(), f"{{{SESSION}}}", f"{SESSION}\n"]
)
def test_only_a_uuid_becomes_a_path(data: Path, agent: Path, name: str) -> None:
    """In both directions, and without making a directory."""
    for verb in (lambda: prepare(data, name, agent), lambda: remove(data, name)):
        with pytest.raises(Invalid) as refused:
            verb()
        assert refused.value.code == "session_id"
    assert not data.exists()


def test_an_agent_that_went_away_is_refused(data: Path, agent: Path, victim: Path) -> None:
    """Or whose files lead elsewhere: nothing is made for it."""
    (agent / "CLAUDE.md").unlink()
    (agent / "CLAUDE.md").symlink_to(victim / "CLAUDE.md")

    with pytest.raises(Unusable, match="leads out of the agents folder"):
        prepare(data, SESSION, agent)
    assert not data.exists()


def test_removing_takes_all_of_it_and_nothing_else(data: Path, agent: Path, victim: Path) -> None:
    """Links go, what they point to stays, other Sessions too."""
    other = str(uuid.uuid4())
    prepare(data, other, agent)
    dirs = prepare(data, SESSION, agent)
    (dirs.workspace / "out").symlink_to(victim)
    (dirs.home / ".claude" / "projects").symlink_to(victim / "keep.txt")
    os.mkfifo(dirs.tmp / "pipe")

    remove(data, SESSION)

    assert [path.name for path in (data / "sessions").iterdir()] == [other]
    assert untouched(victim)


def test_removing_a_session_that_became_a_link_leaves_the_target(
    data: Path, agent: Path, victim: Path
) -> None:
    """Only the link goes."""
    session = prepare(data, SESSION, agent).home.parent
    session.rename(session.with_name("moved-away"))
    session.symlink_to(victim)

    remove(data, SESSION)

    assert not session.is_symlink()
    assert untouched(victim)


def test_removing_what_is_not_there_is_no_error(data: Path, agent: Path) -> None:
    """Before the first Session, and twice."""
    remove(data, SESSION)
    prepare(data, SESSION, agent)
    remove(data, SESSION)
    remove(data, SESSION)


def test_directories_nested_too_deep_for_a_path_are_removed(data: Path, agent: Path) -> None:
    """Hundreds of levels, some of them locked, as tests and module caches leave them."""
    dirs = prepare(data, SESSION, agent)
    here = os.open(dirs.workspace, os.O_RDONLY)
    for level in range(300):
        os.mkdir("a-name-that-is-long-enough", dir_fd=here)
        deeper = os.open("a-name-that-is-long-enough", os.O_RDONLY, dir_fd=here)
        os.close(os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=here))
        if level % 100 == 0:
            os.fchmod(here, 0o500)
        os.close(here)
        here = deeper
    os.close(here)

    remove(data, SESSION)

    assert not dirs.home.parent.exists()


def test_no_descriptor_is_left_open(data: Path, agent: Path) -> None:
    """A worker prepares and removes for months."""
    prepare(data, SESSION, agent)
    before = len(list(Path("/dev/fd").iterdir()))

    prepare(data, SESSION, agent)
    remove(data, SESSION)

    assert len(list(Path("/dev/fd").iterdir())) == before
