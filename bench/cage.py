"""What each level of the sandbox adds to the start of a CLI. Run: python -m bench.cage [RUNS]."""

import os
import sys
import tempfile
from pathlib import Path

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


def measure(level: Level, settings: Settings, runs: int) -> str:
    """Return the median time of `true` at that level, or why there is none."""
    cage = Cage(settings, ENV)
    trouble = cage.missing(level)
    if trouble is not None:
        return f"not available: {trouble}"
    with rooms(settings.data_dir, cage.guest, root=cage.root and level is not Level.LIMITS) as made:
        command = cage.wrap(Command(("/usr/bin/true",), made.workspace, ENV), made, level, session_id="bench")
        return f"{milliseconds(lambda: run(command), runs):.1f} ms"


def main() -> None:
    """Print a line for each level."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    with tempfile.TemporaryDirectory(prefix="errand-bench-") as folder:
        Path(folder).chmod(0o755)
        found = {"data_dir": Path(folder) / "data", "agent_user": "nobody"}
        settings = Settings(_env_file=None).model_copy(update=found)
        for level in Level:
            print(f"{level.label}: {measure(level, settings, runs)}")


if __name__ == "__main__":
    main()
