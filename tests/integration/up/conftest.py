"""A checkout in a temporary folder, small enough to be installed in seconds."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
#: What builds the project into .venv, and what that needs: the smallest lock there can be.
_BUILDERS = {"hatchling", "packaging", "pathspec", "pluggy", "trove-classifiers", "tomlkit"}
_PYPROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[project]
name = "small"
version = "1"
[tool.hatch.build.targets.wheel]
packages = ["small"]
[tool.hatch.build]
dev-mode-dirs = ["."]
"""


@dataclass(frozen=True)
class Checkout:
    """A checkout whose bin/enter is what bin/up and bin/test begin with."""

    root: Path

    @property
    def venv(self) -> Path:
        """Where everything is installed."""
        return self.root / ".venv"

    def start(self, *, before: str = "", env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        """Start `bin/enter`, with `before` executed by its Python first."""
        enter = self.root / "bin" / "enter"
        code = f"import runpy, sys; sys.argv = [{str(enter)!r}]; sys.path.insert(0, {str(enter.parent)!r})"
        command = [
            sys.executable,
            "-c",
            f"{code}\n{before}\nrunpy.run_path({str(enter)!r}, run_name='__main__')",
        ]
        given = os.environ if env is None else env
        # The coverage of a Python that is to find its disk full would complain of that too.
        env = {name: value for name, value in given.items() if not name.startswith("COV")}
        return subprocess.Popen(
            command, cwd=self.root, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def run(
        self, *, before: str = "", env: Mapping[str, str] | None = None
    ) -> "subprocess.CompletedProcess[str]":
        """Run `bin/enter` to its end."""
        process = self.start(before=before, env=env)
        out, err = process.communicate(timeout=100)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """A fresh checkout; nothing is installed in it."""
    root = tmp_path / "checkout"
    (root / "bin").mkdir(parents=True)
    (root / "small").mkdir()
    (root / "small" / "__init__.py").write_text("where = __file__\n")
    (root / "pyproject.toml").write_text(_PYPROJECT)
    shutil.copy(ROOT / "bin" / "bootstrap.py", root / "bin")
    shutil.copy(ROOT / "requirements-uv.lock", root)
    (root / "requirements.lock").write_text(_small_lock())
    (root / "bin" / "enter").write_text(
        "import bootstrap\n"
        "bootstrap.enter('requirements')\n"
        "import os, small, sys\n"
        "print(os.getpid(), sys.prefix, small.where)\n"
    )
    return Checkout(root)


def _small_lock() -> str:
    entries = re.split(r"^(?=[a-z])", (ROOT / "requirements.lock").read_text(), flags=re.MULTILINE)
    return "".join(entry for entry in entries if entry.split("==")[0] in _BUILDERS)
