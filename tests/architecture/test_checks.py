"""The tools that read the code."""

import subprocess
import sys
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parents[2]
_TOOLS = {
    "ruff": ["ruff", "check", "--quiet", "."],
    "mypy": ["mypy", "--no-error-summary"],
    "imports": ["lint-imports", "--no-cache"],
}


@pytest.mark.timeout(400)
@pytest.mark.parametrize("tool", _TOOLS)
def test_the_tool_finds_nothing(tool: str) -> None:
    """Style, types and who may import whom hold everywhere."""
    program, *arguments = _TOOLS[tool]
    command = [str(Path(sys.executable).parent / program), *arguments]
    done = subprocess.run(
        command, cwd=_ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )

    assert done.returncode == 0, done.stdout
