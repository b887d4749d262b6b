"""A platform in small: reads the Procfile, gives each line a shell and its variables, and sends SIGTERM."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from app.settings import PROJECT_ROOT

#: Seconds after SIGTERM that Heroku and Render wait before SIGKILL.
GRACE = 30


def lines() -> dict[str, str]:
    """Return the Procfile's commands by the names of their processes."""
    text = (PROJECT_ROOT / "Procfile").read_text()
    return dict(line.split(": ", 1) for line in text.splitlines())


class Platform:
    """Runs processes of the Procfile, each in a session of its own, as in a container of its own."""

    def __init__(self, folder: Path, env: Mapping[str, str]) -> None:
        self._folder = folder
        programs = Path(sys.executable).parent
        self._env = {**os.environ, "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}", **env}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, **env: str) -> None:
        """Run the line called `name`, exactly as written."""
        with self._log(name).open("wb") as log:
            self._processes[name] = subprocess.Popen(
                # As platforms do it: no shell is left between their signals and the program.
                ["sh", "-c", f"exec {lines()[name]}"],
                cwd=PROJECT_ROOT,
                env={**self._env, **env},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def run(self, name: str) -> int:
        """Run the line to its end; return its status."""
        self.start(name)
        return self._processes.pop(name).wait(60)

    def running(self, name: str) -> bool:
        """Whether it was started and has not ended."""
        return self._processes[name].poll() is None

    def log(self, name: str) -> str:
        """Return what it printed."""
        return self._log(name).read_text(errors="replace")

    def stop(self, name: str) -> tuple[int, float]:
        """SIGTERM to everything of it; return its status and the seconds it took."""
        process, begun = self._processes[name], time.monotonic()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        status = process.wait(GRACE)
        return status, time.monotonic() - begun

    def close(self) -> None:
        """End whatever a test that failed left running."""
        for process in self._processes.values():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def _log(self, name: str) -> Path:
        return self._folder / f"{name}.log"
