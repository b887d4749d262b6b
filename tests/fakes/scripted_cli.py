"""A `claude` for PATH that does what a test tells it, and tells what it did.

    cli = ScriptedCli(tmp_path / "bin")
    message = script({"texts": 3}, {"wait_for": str(go)}, {"tool": "Bash"})
    ... run a task with PATH=f"{cli.directory}:..." and that message ...
    assert [start["session"] for start in cli.starts] == [...]

The steps are the methods of tests/fakes/scripted_program.py.
"""

import json
import sys
from pathlib import Path
from typing import Any

_PROGRAM = Path(__file__).with_name("scripted_program.py")


def script(*steps: dict[str, Any], exit: int = 0, quiet: bool = False) -> str:  # noqa: A002 - what it is
    """Return a prompt that makes the fake take these steps; `quiet` leaves its first line out."""
    return json.dumps({"steps": steps, "exit": exit, "quiet": quiet})


class ScriptedCli:
    """The fake, installed in a directory of its own under the name of a CLI."""

    def __init__(self, directory: Path, *, name: str = "claude") -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self.path = directory / name
        # -I -S: neither the environment nor site-packages; that is what makes it start fast.
        self.path.write_text(f"#!{sys.executable} -IS\n{_PROGRAM.read_text()}")
        self.path.chmod(0o755)

    def by_default(self, prompt: str) -> None:
        """Take these steps where a prompt holds no script."""
        (self.directory / "script.json").write_text(prompt)

    def answers_version(self, text: str) -> None:
        """Answer --version with this."""
        (self.directory / "version.txt").write_text(text)

    @property
    def journal(self) -> list[dict[str, Any]]:
        """Everything written down so far: starts, ends, children left behind."""
        path = self.directory / "journal.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    @property
    def starts(self) -> list[dict[str, Any]]:
        """One for each run."""
        return self._noted("start")

    @property
    def ends(self) -> list[dict[str, Any]]:
        """One for each run that came to its own end."""
        return self._noted("end")

    @property
    def children(self) -> list[dict[str, Any]]:
        """The processes left behind."""
        return self._noted("child")

    def _noted(self, event: str) -> list[dict[str, Any]]:
        return [line for line in self.journal if line["event"] == event]
