"""The agents folder as it may be found on a disk: nothing in it raises, nothing outside of it is read."""

import os
from pathlib import Path

import pytest

from app.agents import Agents, Catalogue, instructions, load
from app.agents.instructions import MOST_FILES
from app.agents.source import Unusable
from app.domain.agent import Agent, Problem

SHIPPED = Path(__file__).parents[3] / "agents"
SKILL = "---\nname: a-skill\ndescription: Does it.\n---\n\nDo it.\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with a good `brain`, beside a secret that is none of its business."""
    (tmp_path / "secret.toml").write_text('cli = "secret"')
    write(tmp_path / "agents" / "brain")
    return tmp_path / "agents"


def write(folder: Path, manifest: str = 'cli = "claude"\n') -> Path:
    """Make the folder of an agent."""
    folder.mkdir(parents=True)
    (folder / "agent.toml").write_text(manifest)
    (folder / "CLAUDE.md").write_text("# Who you are\n")
    return folder


def problem(catalogue: Catalogue, name: str) -> Problem:
    """Return the problem under that name."""
    entry = catalogue[name]
    assert isinstance(entry, Problem), entry
    return entry


def test_the_agents_that_come_with_errand_are_all_right() -> None:
    """Five agents, no problem, no warning, and for each CLI instructions and a skill."""
    catalogue = load(SHIPPED)

    assert sorted(catalogue.usable) == ["brain", "demo", "executor", "planning", "reviewer"]
    assert catalogue.problems == ()
    for name in catalogue:
        files = instructions(SHIPPED / name)
        assert "CLAUDE.md" in files
        assert any(path.endswith("/SKILL.md") for path in files)


@pytest.mark.parametrize("name", ["planning", "reviewer"])
def test_the_reading_agents_may_only_read(name: str) -> None:
    """Whatever a repository talks them into, there is no tool to do it with."""
    agent = load(SHIPPED).usable[name]

    assert agent.permission_mode == "dontAsk"
    assert all(tool.startswith("Read(") or tool == "Skill" for tool in agent.allowed_tools)


def test_an_invalid_agent_does_not_hide_the_others(root: Path) -> None:
    """It is a Problem with file and line; its neighbours work."""
    write(root / "broken", 'cli = "claude"\ntimeout = "soon"\n')

    catalogue = load(root)

    assert list(catalogue.usable) == ["brain"]
    assert (
        str(problem(catalogue, "broken")) == "agents/broken/agent.toml, line 2: 'timeout': must be a number"
    )


def test_a_folder_without_a_manifest_is_a_problem(root: Path) -> None:
    """Somebody began to make an agent."""
    (root / "empty").mkdir()

    assert str(problem(load(root), "empty")) == "agents/empty/agent.toml: is missing"


def test_a_file_in_the_place_of_a_folder_is_a_problem(root: Path) -> None:
    """Its name says that it should be an agent."""
    (root / "filed").write_text("x")

    assert "is not a directory" in problem(load(root), "filed").message


def test_a_directory_in_the_place_of_a_file_is_a_problem(root: Path) -> None:
    """For the manifest and for the instructions alike."""
    (write(root / "one") / "agent.toml").unlink()
    (root / "one" / "agent.toml").mkdir()
    (write(root / "two") / "CLAUDE.md").unlink()
    (root / "two" / "CLAUDE.md").mkdir()

    catalogue = load(root)

    assert problem(catalogue, "one").file == "agents/one/agent.toml"
    assert problem(catalogue, "two").file == "agents/two/CLAUDE.md"


def test_what_nobody_meant_as_an_agent_is_passed_over(root: Path) -> None:
    """Readmes, editors' folders, hidden things."""
    (root / "README.md").write_text("x")
    (root / ".git").mkdir()
    (root / "__pycache__").mkdir()

    assert list(load(root)) == ["brain"]


def test_a_folder_whose_name_is_no_name_is_a_problem(root: Path) -> None:
    """It could never be asked for; so say why, even where the name is not text at all."""
    write(root / "My_Agent")
    (root / os.fsdecode(b"caf\xe9")).mkdir()

    catalogue = load(root)

    assert "the name must match" in problem(catalogue, "My_Agent").message
    assert "the name must match" in problem(catalogue, "caf?").message
    assert catalogue["caf?"].model_dump_json()


@pytest.mark.parametrize("kind", ["absolute", "relative", "folder"])
def test_a_link_out_of_the_folder_is_refused_unread(root: Path, kind: str) -> None:
    """Neither a manifest nor a whole agent may live elsewhere."""
    if kind == "folder":
        (root.parent / "elsewhere").mkdir()
        (root.parent / "elsewhere" / "agent.toml").write_text('cli = "secret"')
        (root / "linked").symlink_to(root.parent / "elsewhere")
    else:
        (write(root / "linked") / "agent.toml").unlink()
        target = root.parent / "secret.toml" if kind == "absolute" else Path("../../secret.toml")
        (root / "linked" / "agent.toml").symlink_to(target)

    found = problem(load(root), "linked")

    assert "leads out of the agents folder" in found.message
    assert "secret" not in found.message


@pytest.mark.parametrize(
    "place", ["CLAUDE.md", ".claude/skills", ".claude/skills/s/SKILL.md", ".claude/skills/s/deep"]
)
def test_instructions_that_are_links_out_are_refused(root: Path, place: str) -> None:
    """The same for what would be copied into a Session."""
    folder = write(root / "linked")
    (folder / "CLAUDE.md").unlink()
    (folder / place).parent.mkdir(parents=True, exist_ok=True)
    (folder / place).symlink_to(root.parent)

    assert "leads out of the agents folder" in problem(load(root), "linked").message
    with pytest.raises(Unusable, match="leads out of the agents folder"):
        instructions(folder)


def test_a_link_to_another_agents_skill_is_fine(root: Path) -> None:
    """Sharing inside the folder leads nowhere else."""
    (root / "brain" / ".claude" / "skills" / "a-skill").mkdir(parents=True)
    (root / "brain" / ".claude" / "skills" / "a-skill" / "SKILL.md").write_text(SKILL)
    (write(root / "other") / ".claude").symlink_to("../brain/.claude")

    assert instructions(root / "other")["skills/a-skill/SKILL.md"].content == SKILL.encode()


@pytest.mark.parametrize("target", [".", "..", "skills"])
def test_links_in_a_circle_come_to_an_end(root: Path, target: str) -> None:
    """As a Problem, in no time."""
    skills = write(root / "round") / ".claude" / "skills"
    skills.mkdir(parents=True)
    (skills / "again").symlink_to(target)
    (skills / "skills").symlink_to("skills")

    assert isinstance(load(root)["round"], Problem)


def test_a_fifo_is_a_problem_and_not_a_wait(root: Path) -> None:
    """Opening one would block for ever."""
    (write(root / "piped") / "agent.toml").unlink()
    os.mkfifo(root / "piped" / "agent.toml")

    assert "is not a regular file" in problem(load(root), "piped").message


def test_too_much_is_a_problem(root: Path) -> None:
    """Instructions are copied at every Attempt, and a manifest is no place for a film."""
    skills = write(root / "many") / ".claude" / "skills"
    skills.mkdir(parents=True)
    for number in range(MOST_FILES + 1):
        (skills / f"{number}.md").write_text("x")
    (write(root / "large") / "agent.toml").write_text("#" * 300_000)

    catalogue = load(root)

    assert "has more instructions than" in problem(catalogue, "many").message
    assert "is larger than" in problem(catalogue, "large").message


def test_missing_instructions_are_a_warning(root: Path) -> None:
    """The agent runs, and somebody is told."""
    (root / "brain" / "CLAUDE.md").unlink()

    catalogue = load(root)

    assert isinstance(catalogue["brain"], Agent)
    assert [str(each) for each in catalogue.problems] == [
        "agents/brain/CLAUDE.md: is missing: the agent runs without instructions"
    ]
    assert catalogue.problems[0].level == "warning"


@pytest.mark.parametrize(
    "text", ["Do it.", "---\nname: x\n---\n", "---\nname: x\ndescription:\n---\n", "---\n"]
)
def test_a_skill_without_front_matter_is_a_warning(root: Path, text: str) -> None:
    """The CLI would pass it over in silence."""
    skill = root / "brain" / ".claude" / "skills" / "s" / "SKILL.md"
    skill.parent.mkdir(parents=True)
    skill.write_text(text)

    warnings = load(root).warnings

    assert [warning.file for warning in warnings] == ["agents/brain/.claude/skills/s/SKILL.md"]


def test_without_brain_there_is_a_problem_under_its_name(root: Path) -> None:
    """Everything that lists agents shows it."""
    write(root / "other")
    for path in (root / "brain").iterdir():
        path.unlink()
    (root / "brain").rmdir()

    assert "is missing" in problem(load(root), "brain").message


@pytest.mark.parametrize("kind", ["missing", "file"])
def test_no_folder_at_all_is_a_problem(tmp_path: Path, kind: str) -> None:
    """Not an exception at start, but a sentence that names the folder."""
    if kind == "file":
        (tmp_path / "agents").write_text("x")

    assert "the folder agents is" in problem(load(tmp_path / "agents"), "brain").message


def test_an_unchanged_folder_is_not_read_again(root: Path) -> None:
    """Looking is cheap: the same answer, the same object."""
    agents = Agents(root)

    assert agents.current() is agents.current()


def test_every_edit_is_seen_at_the_next_look(root: Path) -> None:
    """New agents, changed ones, mended ones and removed ones; instructions too."""
    agents = Agents(root)
    assert list(agents.current()) == ["brain"]

    folder = write(root / "new", 'cli = "claude"\nmax_turns = 0')
    assert isinstance(agents.current()["new"], Problem)

    (folder / "agent.toml").write_text('cli = "claude"\nmax_turns = 9')
    assert agents.resolve("new").agent.max_turns == 9

    (folder / "CLAUDE.md").unlink()
    assert len(agents.current().warnings) == 1

    (folder / "agent.toml").unlink()
    assert isinstance(agents.current()["new"], Problem)

    folder.rmdir()
    assert list(agents.current()) == ["brain"]


def test_a_file_replaced_by_one_of_the_same_size_and_time_is_seen(root: Path) -> None:
    """As an editor or a deploy does it: a new file moved over the old one."""
    agents = Agents(root)
    manifest = root / "brain" / "agent.toml"
    assert agents.resolve("brain").agent.cli == "claude"

    before = manifest.stat()
    draft = root / "brain" / "draft"
    draft.write_text('cli = "clause"\n')
    os.utime(draft, ns=(before.st_atime_ns, before.st_mtime_ns))
    draft.replace(manifest)

    assert agents.resolve("brain").agent.cli == "clause"


def test_a_name_that_is_none_touches_nothing(root: Path) -> None:
    """No file of that path is opened and none is made."""
    write(root.parent / "outside", 'cli = "secret"')
    agents = Agents(root)
    for name in ("../outside", str(root.parent / "outside"), "", "\0", ".", "..", "a\u2215b", "x" * 300):
        with pytest.raises(Exception, match="cannot be the name of an agent"):
            agents.resolve(name)

    assert list(agents.current()) == ["brain"]
