"""Which level a CLI gets: what is tried, what is left aside, what is refused, and what is said of it."""

import os
from pathlib import Path

import pytest

from app.db import tasks
from app.db.tasks import NewTask
from app.domain.reason import Reason
from app.domain.sandbox import Level
from app.domain.task import TaskState
from app.domain.view import attempt_json, task_json
from app.runner.adapters import adapter_for
from app.runner.cage import Cage
from app.runner.cage.reach import needs
from app.runner.clis import Clis
from app.runner.guest import find_guest
from app.settings import Settings
from tests.integration.cage.conftest import USER, Yard

_NOWHERE = {"PATH": "/nonexistent"}


def _program(path: Path, text: str = "#!/bin/sh\nexec /bin/sh\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def test_auto_leaves_alone_what_was_not_installed_for_others(yard: Yard) -> None:
    """A CLI in /tmp runs as before; why it is not caged is said, and what to do."""
    yard.agent("auto", 'cli = "hostile"\n')
    task = yard.queue("touch beside; echo $0", agent="auto", cli="hostile")
    yard.start(task).result(timeout=60)
    environ = {"PATH": f"{yard.cli.directory}:{os.environ['PATH']}"}

    told = Clis(environ).report(["hostile"], Cage(yard.settings, environ))["hostile"]

    done = yard.task(task.id)
    assert done.state is TaskState.COMPLETED
    assert done.sandbox == told.sandbox
    if yard.missing(Level.CAGE) is None:
        assert done.sandbox != "level-2"
        assert told.sandbox_note is not None
        assert "for temporary files" in told.sandbox_note
        assert "install it, in /usr/local" in told.sandbox_note


def test_a_program_in_a_private_home_is_named(yard: Yard) -> None:
    """As root: who cannot pass the directory cannot run it; required shows it to the cage all the same."""
    yard.cli.directory.chmod(0o700)
    environ = {"PATH": f"{yard.cli.directory}:{os.environ['PATH']}"}
    cage, found = Cage(yard.settings, environ), Clis(environ).find(adapter_for("hostile"))

    if cage.root and cage.missing(Level.USER) is None:
        trouble = cage.trouble(Level.USER, found.program, found.judged)
        assert trouble is not None
        assert f"{yard.cli.directory} is closed to other users" in trouble
    if cage.missing(Level.CAGE) is None:
        assert cage.trouble(Level.CAGE, found.program, found.judged, insist=True) is None


def test_what_is_required_and_not_there_is_refused(yard: Yard) -> None:
    """Never run bare in silence: for the agent's sake, for the network's, and for a stranger's text."""
    cage = Cage(yard.settings.model_copy(update={"sandbox_floor": Level.CAGE}), _NOWHERE)
    cage._tools["bwrap"] = None
    for asks in ({"wanted": "required"}, {"network": "none"}, {"from_outside": True}):
        wants = {"wanted": "auto", "network": "open", "from_outside": False, **asks}
        found = Clis({"PATH": str(yard.cli.directory)}).find(adapter_for("hostile"))
        with pytest.raises(Exception, match="apt-get install bubblewrap") as refused:
            cage.choose(found.program, found.judged, **wants)  # type: ignore[arg-type]
        assert refused.value.code == Reason.SANDBOX_UNAVAILABLE  # type: ignore[attr-defined]
        assert ("ERRAND_SANDBOX_FLOOR" in str(refused.value)) is ("from_outside" in asks)


def test_a_sandbox_that_does_not_work_is_said_with_its_own_words(yard: Yard) -> None:
    """As where user namespaces are forbidden: the trial fails, and its words are the reason."""
    fake = _program(yard.place / "fake" / "bwrap", '#!/bin/sh\necho "bwrap: No permissions" >&2\nexit 1\n')
    cage = Cage(yard.settings, _NOWHERE)
    cage._tools["bwrap"] = str(fake)

    assert cage.missing(Level.CAGE) == "bwrap: No permissions"


def test_a_sandbox_that_hides_nothing_is_not_taken_for_one(yard: Yard) -> None:
    """A `bwrap` that just runs the program: other processes can be seen, so it does not count."""
    script = '#!/bin/sh\nwhile [ "$1" != -- ]; do shift; done\nshift\nexec "$@"\n'
    cage = Cage(yard.settings, _NOWHERE)
    cage._tools["bwrap"] = str(_program(yard.place / "fake" / "bwrap", script))

    assert cage.missing(Level.CAGE) in {
        "other processes could be seen",
        "a file of the worker's could be read",
        "it did not answer",
    }


def test_the_level_stands_on_task_and_attempt(yard: Yard) -> None:
    """Rows and API agree; before its start there is none."""
    waiting = yard.queue("echo", agent="at-0", cli="hostile")
    done, _ = yard.done(Level.LIMITS, "echo")
    attempts = yard.db.read(tasks.attempts_of, done.id)

    assert task_json(waiting, [])["sandbox"] == "none"
    assert task_json(done, attempts)["sandbox"] == "level-0"
    assert [attempt_json(attempt)["sandbox"] for attempt in attempts] == ["level-0"]


def test_whose_text_it_is_is_kept(yard: Yard) -> None:
    """What a Task with a stranger's text needs, it needs at every attempt."""
    new = NewTask("hello", agent="brain", cli="claude", max_attempts=1, from_outside=True)

    task = yard.db.write(tasks.create, new)

    assert yard.task(task.id).from_outside


def test_a_program_is_shown_with_what_it_is_made_of(tmp_path: Path) -> None:
    """Links, the tree of a package, the interpreter its first line names, and nothing else."""
    package = tmp_path / "lib" / "node_modules" / "claude" / "cli.js"
    node = _program(tmp_path / "node" / "bin" / "node")
    (tmp_path / "node" / "lib" / "node_modules").mkdir(parents=True)
    _program(package, "#!/usr/bin/env node\n")
    link = tmp_path / "bin" / "claude"
    link.parent.mkdir()
    link.symlink_to(package)

    found = needs([str(link)], f"{node.parent}")

    assert found.links == {link: package}
    assert set(found.paths) == {tmp_path / "lib" / "node_modules", tmp_path / "node"}


def test_the_guest_is_a_user_of_this_machine_or_has_a_number() -> None:
    """ERRAND_AGENT_USER may be either; without an entry there is no level 1, and the sentence says so."""
    settings = Settings(_env_file=None)
    named = Cage(settings.model_copy(update={"agent_user": USER}), _NOWHERE)
    unknown = Cage(settings.model_copy(update={"agent_user": "no-such-user-here"}), _NOWHERE)

    if not named.root:
        assert "not root" in str(named.missing(Level.USER))
        return
    assert named.guest.name == USER
    assert find_guest("errand-agent").name in {"errand-agent", "nobody"}
    assert "useradd" in str(unknown.missing(Level.USER))
    entry = unknown.guest.passwd(Path("/nowhere")).decode().splitlines()[-1]
    assert entry.startswith("no-such-user-here:x:65432:")
