"""What a CLI can read that does whatever a stranger wants: at each level what docs/security.md admits."""

import os
import subprocess
from pathlib import Path

import psutil
import pytest

from app.domain.reason import Reason
from app.domain.sandbox import Level
from app.domain.task import TaskState
from tests.integration.cage.conftest import Yard
from tests.waiting import wait_until

_LEVELS = list(Level)
_ROOT = os.geteuid() == 0

#: Tells what it can get at, one word per line.
_LOOK = """
env | sed 's/^/own environment: /'
for one in /proc/[0-9]*/environ; do tr '\\0' '\\n' <"$one"; done 2>/dev/null | sed 's/^/environ: /'
try() {{ cat "$2" >/dev/null 2>&1 && echo "read $1"; }}
try database "{data}/errand.db"
try token "{data}/admin-token"
try workspace "{other}/workspace/notes"
try agents "{data}/agents/brain/CLAUDE.md"
try private "{place}/private.env"
try public "{place}/public.env"
try passwd /etc/shadow
[ "$(ls "{data}/sessions" 2>/dev/null | wc -l)" -gt 1 ] && echo "listed sessions"
[ -d /proc/{server} ] && echo "saw a process"
kill -0 {server} 2>/dev/null && echo "signalled a process"
touch "{place}/made" 2>/dev/null && echo "wrote outside"
touch "{program}" 2>/dev/null && : >>"{program}" && echo "wrote to the program"
touch here "$HOME/here" "$TMPDIR/here" /tmp/errand-test-$$ && echo "wrote inside"
rm -f /tmp/errand-test-$$
grep -q "^$(id -un):" /etc/passwd && echo "has a name"
echo "user $(id -u)"
"""

_EVERYTHING = {
    *("read database", "read token", "read workspace", "read agents", "read private", "read public"),
    *("listed sessions", "saw a process", "signalled a process", "wrote outside", "wrote to the program"),
}
#: What docs/security.md says that each level leaves open.
_ADMITTED = {
    Level.LIMITS: _EVERYTHING | ({"read passwd"} if _ROOT else set()),
    # The agents folder is open here as it is in a checkout, the rest of the data directory is closed.
    Level.USER: {"read public", "saw a process"},
    Level.CAGE: set(),
}
_ALWAYS = {"wrote inside", "has a name"}


def _plant(yard: Yard) -> str:
    """Put secrets wherever Errand has some; return another conversation's directory."""
    (yard.settings.data_dir / "admin-token").write_text("planted")
    (yard.place / "private.env").write_text("planted")
    (yard.place / "private.env").chmod(0o600)
    (yard.place / "public.env").write_text("planted")
    (yard.place / "public.env").chmod(0o644)
    task, _ = yard.done(Level.LIMITS, "echo secret >notes")
    return str(yard.directory(task))


def _refused(yard: Yard, level: Level) -> bool:
    """Whether this machine has no such level; then the Task is refused, with the reason."""
    trouble = yard.missing(level)
    if trouble is None:
        return False
    task, printed = yard.done(level, "echo started")
    assert (task.state, task.reason) == (TaskState.FAILED, Reason.SANDBOX_UNAVAILABLE)
    assert trouble in task.detail
    assert printed == ""
    return True


@pytest.mark.parametrize("level", _LEVELS, ids=lambda level: level.label)
def test_it_gets_at_what_the_documents_admit(
    yard: Yard, server: "subprocess.Popen[bytes]", level: Level
) -> None:
    """RUN-03: exactly that, by trying; the level stands on Task and Attempt."""
    other = _plant(yard)
    if _refused(yard, level):
        return
    names = {"data": yard.settings.data_dir, "other": other, "place": yard.place, "program": yard.cli.path}

    task, printed = yard.done(level, _LOOK.format(server=server.pid, **names))

    found = {line for line in printed.splitlines() if not line.startswith(("own ", "environ: ", "user "))}
    assert task.state is TaskState.COMPLETED, task.detail
    assert task.sandbox == level.label
    assert found == _ADMITTED[level] | _ALWAYS
    assert ("planted-in-the-environment" in printed) is (level is Level.LIMITS)
    assert "DATABASE_URL" not in "".join(line for line in printed.splitlines() if line.startswith("own "))
    changed = _ROOT and level is not Level.LIMITS
    assert f"user {psutil.Process().uids().real}" not in printed or not changed


@pytest.mark.parametrize("level", _LEVELS, ids=lambda level: level.label)
def test_conversations_do_not_reach_each_other(yard: Yard, level: Level) -> None:
    """RUN-12: two at the same time, HOME and TMPDIR their own; what one finds of the other is as admitted."""
    if _refused(yard, level):
        return
    first = yard.at(level, "echo mine >notes; echo ready; sleep 60")
    running = yard.start(first)
    wait_until(lambda: b"ready" in yard.output(first))
    look = f"""
        for one in notes "$HOME" "$TMPDIR"; do [ -e "$one/notes" ] && echo "shared $one"; done
        cat "{yard.directory(first)}/workspace/notes" 2>/dev/null
        cat /proc/[0-9]*/cwd/notes 2>/dev/null
        [ "$(cd "$HOME" && pwd)" != "$(pwd)" ] && echo apart
        kill -9 -1 2>/dev/null || :
    """
    second, printed = yard.done(level, look if level is Level.CAGE else look.replace("kill", ": kill"))

    assert ("mine" in printed) is (level is Level.LIMITS)
    assert "shared" not in printed
    assert "apart" in printed
    assert not running.done(), "one conversation ended another's CLI"
    assert yard.directory(first) != yard.directory(second)
    yard.keeper.interrupt()


def test_at_level_1_the_same_user_may_signal(yard: Yard) -> None:
    """What docs/security.md admits: CLIs that run at the same time may signal each other."""
    if _refused(yard, Level.USER):
        return
    first = yard.at(Level.USER, "echo $$; sleep 60")
    yard.start(first)
    pid = wait_until(lambda: yard.output(first).strip().decode())

    _, printed = yard.done(Level.USER, f"kill -0 {pid} && echo signalled; cat /proc/{pid}/environ")

    assert printed.strip() == "signalled"
    yard.keeper.interrupt()


@pytest.mark.parametrize("level", _LEVELS, ids=lambda level: level.label)
def test_links_to_files_outside_lead_nowhere_in_the_cage(yard: Yard, level: Level) -> None:
    """RUN-08: a link in the workspace opens what the level opens, and removing it leaves its target."""
    if _refused(yard, level):
        return
    (yard.place / "outside").write_text("precious")
    (yard.place / "outside").chmod(0o600)
    task, printed = yard.done(
        level, f"ln -s {yard.place}/outside link; ln -s / all; cat link; cat all{yard.place}/outside; rm link"
    )

    assert printed == ("preciousprecious" if level is Level.LIMITS else "")
    assert (yard.place / "outside").read_text() == "precious"
    assert task.state is TaskState.COMPLETED, task.detail + str(yard.events(task)[1])


@pytest.mark.parametrize("level", _LEVELS, ids=lambda level: level.label)
def test_a_conversation_goes_on_at_any_level(yard: Yard, level: Level) -> None:
    """Its directories change hands with the level: what one run made, the next may change and remove."""
    if _refused(yard, level):
        return
    first, _ = yard.done(Level.LIMITS, "mkdir -p deep/er; echo one >deep/er/file; ln -s /etc/passwd link")
    before = (yard.place / "data" / "agents").stat()

    again, printed = yard.done(
        level, "echo two >>deep/er/file; cat deep/er/file", session_id=first.session_id
    )
    back, last = yard.done(
        Level.LIMITS, "echo three >>deep/er/file; cat deep/er/file", session_id=first.session_id
    )

    assert again.state is back.state is TaskState.COMPLETED
    assert printed == "one\ntwo\n"
    assert last == "one\ntwo\nthree\n"
    assert (yard.place / "data" / "agents").stat() == before
    assert Path("/etc/passwd").stat().st_uid == 0
