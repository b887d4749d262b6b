"""What each level of the sandbox adds to the start of a CLI. Run: python -m bench.cage [RUNS]."""

import os
import sys
import tempfile
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from statistics import median

from app.domain.sandbox import Level
from app.process import Command, Process, new_mark
from app.runner.cage import Cage
from app.runner.cage.trial import rooms
from app.settings import Settings
from bench.supervisor import milliseconds

ENV = {"PATH": os.environ.get("PATH", os.defpath)}


def run(command: Command) -> None:
    """Run a program to its end under its supervisor."""
    with Process.start(command, mark=new_mark("bench")) as process:
        while process.exit is None:
            process.read(5)
        if process.exit.code != 0:
            raise SystemExit(f"it ended with {process.exit}")


def prepared(level: Level, settings: Settings, stack: ExitStack) -> Command | str:
    """Return what starts `true` at that level, or why there is none."""
    cage = Cage(settings, ENV)
    trouble = cage.missing(level)
    if trouble is not None:
        return f"not available: {trouble}"
    made = stack.enter_context(
        rooms(settings.data_dir, cage.guest, root=cage.root and level is not Level.LIMITS)
    )
    return cage.wrap(Command(("/usr/bin/true",), made.workspace, ENV), made, level, session_id="bench")


def main() -> None:
    """Print the median of each level; they take turns, so that other load meets all of them."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    with tempfile.TemporaryDirectory(prefix="errand-bench-") as folder, ExitStack() as stack:
        Path(folder).chmod(0o755)
        found = {"data_dir": Path(folder) / "data", "agent_user": "nobody"}
        settings = Settings(_env_file=None).model_copy(update=found)
        commands = {level: prepared(level, settings, stack) for level in Level}
        times: dict[Level, list[float]] = {level: [] for level in Level}
        for _ in range(runs):
            for level, command in commands.items():
                if isinstance(command, Command):
                    times[level].append(milliseconds(partial(run, command), 1))
        for level, command in commands.items():
            print(f"{level.label}: {f'{median(times[level]):.1f} ms' if times[level] else command}")


if __name__ == "__main__":
    main()
