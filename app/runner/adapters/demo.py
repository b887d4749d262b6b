"""The Adapter for `demo`, a small program that comes with Errand and speaks Claude Code's line format."""

import sys
from collections.abc import Mapping
from pathlib import Path

from app.runner.adapters.base import Run
from app.runner.adapters.claude_cleaner import ClaudeCleaner
from app.runner.adapters.claude_parser import ClaudeParser
from app.security.redact import Redactor

PROGRAM = Path(__file__).resolve().parents[2] / "demo" / "program.py"


class DemoAdapter:
    """Our own scripted program: no key, no Node."""

    program = Path(sys.executable)
    resumes = True
    signs_in_with: frozenset[str] = frozenset()

    def argv(self, run: Run) -> list[str]:  # noqa: ARG002 - the same for every run
        """Return the program, isolated from the worker's Python environment."""
        return ["-I", str(PROGRAM)]

    def env(self, run: Run) -> Mapping[str, str]:  # noqa: ARG002 - the same for every run
        """Return nothing."""
        return {}

    def stdin(self, run: Run) -> bytes:
        """Return the message; this program takes nothing on it for a flag."""
        return run.message.encode("utf-8", "replace")

    def cleaner(self, redactor: Redactor) -> ClaudeCleaner:
        """Return a cleaner of stream-json lines."""
        return ClaudeCleaner(redactor)

    def parser(self, run: Run) -> ClaudeParser:
        """Return a parser of its lines."""
        return ClaudeParser(run)
