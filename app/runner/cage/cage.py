"""Which levels this worker has, which of them a CLI works in, and a command wrapped in one."""

import os
import resource
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import structlog

from app.domain.reason import Reason
from app.domain.sandbox import Level, Network, Wanted, candidates, lowest
from app.process import Command, StartFailed
from app.process.locate import locate
from app.runner.cage import recipe, trial
from app.runner.cage.reach import Needs, closed, in_shared, needs
from app.runner.cage.secure import open_the_way
from app.runner.command import Judged, judge_version
from app.runner.guest import Guest, find_guest, session_group
from app.runner.workspace import SessionDirs
from app.settings import PROJECT_ROOT, Settings

log = structlog.get_logger()

#: How a user mends a level that is not there; {} is the trouble.
_MEND = {
    Level.USER: "level 1 is not available: {}",
    Level.CAGE: "level 2 is not available: {}",
}


class SandboxUnavailable(StartFailed):
    """The least level the Task may run at is not there for its CLI."""

    reason = Reason.SANDBOX_UNAVAILABLE


@dataclass(frozen=True)
class Caged:
    """The level chosen for one run, and who its CLI is there."""

    level: Level
    #: The owner its directories need; None where the worker cannot give them to anybody.
    owner: Guest | None
    #: Why not a higher one.
    why: str | None = None


class Cage:
    """One worker's; thread-safe. What was tried once is known for as long as the worker lives."""

    def __init__(self, settings: Settings, environ: Mapping[str, str]) -> None:
        self._settings = settings
        self._environ = environ
        self._path = environ.get("PATH", os.defpath)
        self.root = os.geteuid() == 0
        self.guest = find_guest(settings.agent_user)
        self._tools = {name: self._tool(name) for name in ("prlimit", "setpriv", "bwrap")}
        self._troubles: dict[object, str | None] = {}
        self._lock = threading.RLock()

    def choose(
        self, program: Path, judged: Judged, *, wanted: Wanted, network: Network, from_outside: bool
    ) -> Caged:
        """Return the level to run this program at; raises SandboxUnavailable below the least it may have.

        `auto` takes the strongest in which the program works as it does without. What has to be caged is,
        where that can be done at all, also if the program then misses files it had beside it.
        """
        least = lowest(wanted, network, from_outside=from_outside, floor=self._settings.sandbox_floor)
        why: str | None = None
        for level in candidates(wanted, least):
            trouble = self.trouble(level, program, judged, insist=level <= least)
            if trouble is None:
                return Caged(level, self._owner(level), why)
            why = why or trouble
        hint = "; or lower ERRAND_SANDBOX_FLOOR, see docs/security.md" if from_outside else ""
        raise SandboxUnavailable(detail=f"{why}{hint}")

    def trouble(self, level: Level, program: Path, judged: Judged, *, insist: bool = False) -> str | None:
        """Return why this program cannot be run at this level, None where it can."""
        if level is Level.LIMITS:
            return None
        found = self.missing(level)
        if found is None:
            key = (level, str(program), _stamp(program), insist)
            found = self._once(key, partial(self._unfit, level, program, judged, insist=insist))
        return found and _MEND[level].format(found)

    def missing(self, level: Level) -> str | None:
        """Return why this machine has no such level at all, None where it has."""
        return self._once(level, partial(self._tried, level)) if level else None

    def wrap(
        self,
        command: Command,
        rooms: SessionDirs,
        level: Level,
        *,
        network: bool = True,
        session_id: str = "",
    ) -> Command:
        """Return the command as it is started at that level: limits, then walls, then the program."""
        argv: list[str] = self._limits(level) if session_id else []
        setpriv = self._tools["setpriv"] or ""
        if level is Level.USER:
            gid = session_group(session_id) if session_id else self.guest.gid
            argv += recipe.as_guest(setpriv, self.guest.uid, gid)
        elif level is Level.CAGE:
            shown = self._needs(command.argv)
            hidden = (PROJECT_ROOT, self._settings.data_dir, self._settings.agents_dir, Path.cwd())
            bwrap = self._tools["bwrap"] or ""
            argv += recipe.bubblewrap(bwrap, rooms, shown, hidden=hidden, network=network, root=self.root)
            argv += recipe.as_guest(setpriv, self.guest.uid, self.guest.gid) if self.root else []
        env = dict(command.env)
        if level is not Level.LIMITS and self.root:
            env |= {"USER": self.guest.name, "LOGNAME": self.guest.name}
        return replace(command, argv=(*argv, *command.argv), env=env, wrapped=level is Level.CAGE)

    def _tool(self, name: str) -> str | None:
        try:
            return locate(name, {"PATH": f"{os.defpath}:/usr/sbin:/sbin:{self._path}"}, Path("/"))
        except StartFailed:
            return None

    def _owner(self, level: Level) -> Guest | None:
        if not self.root:
            return None
        return self.guest if level is not Level.LIMITS else Guest("root", 0, 0)

    def _limits(self, level: Level) -> list[str]:
        prlimit = self._tools["prlimit"]
        if prlimit is None:
            return []
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        of_its_own = self.root and level is not Level.LIMITS
        # Threads count too. It is the last resort: what one tree may have, the worker holds it to.
        together = self._settings.process_limit * self._settings.concurrency * 2 + 4096
        return recipe.limits(
            prlimit,
            open_files=recipe.OPEN_FILES if most < 0 else min(recipe.OPEN_FILES, most),
            file_size=self._settings.workspace_limit,
            processes=together if of_its_own else None,
        )

    def _needs(self, argv: tuple[str, ...]) -> Needs:
        return needs([word for word in argv if word.startswith("/")], self._path)

    def _once(self, key: object, find: Callable[[], str | None]) -> str | None:
        with self._lock:
            if key in self._troubles:
                return self._troubles[key]
            try:
                self._troubles[key] = found = find()
            except OSError as error:  # a full disk, say: it may be mended by the next time
                found = str(error)
            return found

    def _tried(self, level: Level) -> str | None:
        found = self._lacking(level)
        if found is None:
            with trial.rooms(self._settings.data_dir, self.guest, root=self.root) as made:
                wrap = partial(self.wrap, rooms=made, level=level)
                # Without a user of its own only the cage keeps what the worker may read from the CLI.
                found = trial.try_level(
                    made, wrap, uid=self.guest.uid, alone=level is Level.CAGE, planted=True
                )
        log.info("sandbox_tried", level=level.value, guest=self.guest.name, problem=found)
        return found

    def _lacking(self, level: Level) -> str | None:
        if self._settings.data_dir.parent == self._settings.data_dir:
            return "the data directory is the root directory"
        if self.root and self._tools["setpriv"] is None:
            return "setpriv is not installed; it is part of util-linux"
        if level is Level.CAGE:
            return None if self._tools["bwrap"] else "bwrap is not installed; apt-get install bubblewrap"
        if not self.root:
            return "the worker is not root, so it cannot give the CLI a user of its own"
        if not self.guest.known:
            return (
                f"there is no user {self.guest.name}; "
                f"useradd --system --no-create-home --shell /usr/sbin/nologin {self.guest.name}"
            )
        return open_the_way(self._settings.data_dir, self.guest)

    def _unfit(self, level: Level, program: Path, judged: Judged, *, insist: bool) -> str | None:
        shown = self._needs((str(program),))
        paths = [program, program.resolve()]
        if self.root and not (insist and level is Level.CAGE):
            # The cage could show it all the same; but what is kept from others was not made to be theirs.
            others = [*paths, *shown.paths] if level is Level.USER else [program]
            found = closed(others, self.guest.uid, self.guest.gid)
            if found:
                return f"{program} cannot be reached there: {found}; install it for everybody, in /usr/local"
        if not insist:
            found = in_shared(paths, self._environ.get("TMPDIR"))
            if found:
                return f"{found}; install it, in /usr/local"
        return self._differs(level, program, judged)

    def _differs(self, level: Level, program: Path, judged: Judged) -> str | None:
        """Return how the program behaves otherwise than it does outside."""
        asked = judged.version is not None
        argv = (str(program), "--version") if asked else ("/usr/bin/test", "-x", str(program))
        with trial.rooms(self._settings.data_dir, self.guest, root=self.root) as made:
            answer = trial.ask(made, partial(self.wrap, rooms=made, level=level), argv, self._path)
        code = answer.exit.code if answer and answer.exit else None
        said = answer.stdout if answer else b""
        works = judge_version(program, code, said) == judged if asked else code == 0
        told = " ".join((answer.stderr if answer else b"").decode("utf-8", "replace").split())[:160]
        return None if works else f"{program} does not work there ({told or 'no answer'})"


def _stamp(program: Path) -> tuple[int, int]:
    try:
        found = program.stat()
    except OSError:
        return 0, 0
    return found.st_mtime_ns, found.st_size
