"""Whether a level works here: really run, with something planted that must not be seen."""

import contextlib
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from app.process import Command, Completed, StartFailed, run
from app.runner.guest import Guest
from app.runner.workspace import SessionDirs

#: Seconds one trial may take.
PATIENCE = 10.0

#: Prints what is wrong, or "fine". $1 is a planted file, $2 the user to be, $3 whether it is alone in there.
_SCRIPT = """
cat "$1" >/dev/null 2>&1 && { echo "a file of the worker's could be read"; exit 1; }
[ "$(id -u)" = "$2" ] || { echo "the user could not be changed"; exit 1; }
for one in . "$HOME" "$TMPDIR"; do
  touch "$one/made" || { echo "its own directories could not be written"; exit 1; }
done
if [ "$3" = alone ]; then
  for one in /proc/[0-9]*; do
    [ "${one#/proc/}" -lt 100 ] || { echo "other processes could be seen"; exit 1; }
  done
  for one in /proc/[0-9]*/environ; do
    grep -qs DATABASE_URL= "$one" && { echo "the worker's environment could be read"; exit 1; }
  done
  id -un >/dev/null 2>&1 || { echo "its user has no name"; exit 1; }
fi
echo fine
"""


@contextmanager
def rooms(data_dir: Path, guest: Guest, *, root: bool) -> Iterator[SessionDirs]:
    """Make directories as a Session has them, with a planted secret beside them."""
    top = data_dir / "sessions" / f".trial-{secrets.token_hex(8)}"
    made = SessionDirs(*(top / name for name in ("home", "workspace", "tmp", "etc")))
    try:
        for path in (made.home, made.workspace, made.tmp, made.etc):
            path.mkdir(parents=True)
        (top / "secret").write_text("planted\n")
        for path in (top, top / "secret"):
            path.chmod(0o711 if path.is_dir() else 0o600)
        (made.etc / "passwd").write_bytes(guest.passwd(made.home))
        (made.etc / "group").write_bytes(guest.group())
        if root:
            for path in (made.home, made.workspace, made.tmp):
                os.chown(path, guest.uid, guest.gid)
                path.chmod(0o700)
        yield made
    finally:
        with contextlib.suppress(OSError):
            shutil.rmtree(top)


def try_level(
    made: SessionDirs, wrap: Callable[[Command], Command], *, uid: int, alone: bool, planted: bool
) -> str | None:
    """Return what is wrong with a level, None where it works."""
    secret = str(made.home.parent / "secret") if planted else "/nonexistent"
    argv = ("/bin/sh", "-c", _SCRIPT, "sh", secret, str(uid), "alone" if alone else "")
    answer = attempt(wrap(_command(argv, made)))
    if answer is None or answer.exit is None:
        return "it did not answer"
    said = (answer.stdout if answer.stdout.strip() else answer.stderr).decode("utf-8", "replace").strip()
    if answer.ok and said == "fine":
        return None
    return " ".join(said.split())[:200] or f"it ended with {answer.exit.code}"


def ask(
    made: SessionDirs, wrap: Callable[[Command], Command], argv: tuple[str, ...], path: str
) -> Completed | None:
    """Run a short command at a level; None where it could not be started."""
    return attempt(wrap(_command(argv, made, path)))


def attempt(command: Command) -> Completed | None:
    """Run the command to its end; None where it could not be started."""
    try:
        return run(
            command.argv,
            timeout=PATIENCE,
            env=command.env,
            cwd=command.cwd,
            max_bytes=4096,
            wrapped=command.wrapped,
        )
    except StartFailed:
        return None


def _command(argv: tuple[str, ...], made: SessionDirs, path: str = os.defpath) -> Command:
    env = {"PATH": path, "HOME": str(made.home), "TMPDIR": str(made.tmp)}
    return Command(argv, made.workspace, env)
