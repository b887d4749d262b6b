"""The CLIs this worker has: where they are and which version, asked once per file."""

import os
import threading
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from app.domain.event import Notice
from app.domain.machine import FoundCli
from app.domain.reason import sentence
from app.errors import ErrandError
from app.process import StartFailed, run
from app.runner.adapters import adapter_for
from app.runner.adapters.base import Adapter
from app.runner.cage import Cage
from app.runner.command import LOWEST, Judged, find_program, judge_version

#: Seconds and bytes a CLI may take to tell its version.
PROBE_TIMEOUT = 5.0
PROBE_BYTES = 4096

_File = tuple[str, int, int]


@dataclass(frozen=True)
class Found:
    """A program to run, and what is known of it."""

    program: Path
    judged: Judged

    @property
    def notices(self) -> list[Notice]:
        """What is to be said about it in a run."""
        return [self.judged.notice] if self.judged.notice else []


class UnknownVersion(ErrandError):
    """The CLI is of a version that Errand does not know how to run."""

    reason = "cli_version"


class Clis:
    """Finds programs on the worker's PATH; thread-safe."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._judged: dict[_File, Judged] = {}
        #: One that is slow to answer keeps only those waiting who want it too.
        self._turns: dict[_File, threading.Lock] = defaultdict(threading.Lock)

    def find(self, adapter: Adapter) -> Found:
        """Return the program of this CLI.

        Raises ErrandError with a code of app.domain.reason where it cannot be used. A program whose
        version was asked before, at the worker's start at the latest, is not started again for that.
        """
        program = find_program(adapter.program, self._environ)
        judged = self._judge(program)
        if judged.reason is not None:
            raise UnknownVersion(judged.detail)
        return Found(program, judged)

    def report(self, names: Iterable[str], cage: Cage | None = None) -> dict[str, FoundCli]:
        """Return what this Machine tells of each CLI that some Agent names; with a cage, also its level."""
        return {name: self._found(adapter_for(name), cage) for name in names}

    def _found(self, adapter: Adapter, cage: Cage | None) -> FoundCli:
        try:
            program = find_program(adapter.program, self._environ)
        except ErrandError as error:
            return FoundCli(problem=error.message)
        judged = self._judge(program)
        problem = sentence(judged.reason, cli=program.name, detail=judged.detail) if judged.reason else None
        found = FoundCli(path=str(program), version=judged.version, problem=problem)
        if cage is None or problem is not None:
            return found
        caged = cage.choose(program, judged, wanted="auto", network="open", from_outside=False)
        return found.model_copy(update={"sandbox": caged.level.label, "sandbox_note": caged.why})

    def _judge(self, program: Path) -> Judged:
        if program.name not in LOWEST:
            return Judged()
        stat = program.stat()
        file = (str(program.resolve()), stat.st_mtime_ns, stat.st_size)
        with self._turns[file]:
            if file not in self._judged:
                self._judged[file] = self._ask(program)
            return self._judged[file]

    def _ask(self, program: Path) -> Judged:
        environ = {"PATH": self._environ.get("PATH", os.defpath), "HOME": "/nonexistent"}
        try:
            answer = run(
                [str(program), "--version"], timeout=PROBE_TIMEOUT, env=environ, max_bytes=PROBE_BYTES
            )
        except StartFailed:
            return judge_version(program, None, b"")
        code = answer.exit.code if answer.exit and not answer.truncated else None
        return judge_version(program, code, answer.stdout)
