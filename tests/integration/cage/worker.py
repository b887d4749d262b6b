"""Stands for a worker: starts one shell script at a level of the sandbox, tells that, and stays.

Usage: worker.py LEVEL USER DATA_DIR MARK SCRIPT
"""

import os
import signal
import sys
from pathlib import Path

from app.domain.sandbox import Level
from app.process import Command, Process
from app.runner.cage import Cage
from app.runner.cage.trial import rooms
from app.settings import Settings


def main() -> None:
    """Start what the arguments say."""
    number, user, data, mark, script = sys.argv[1:]
    settings = Settings(_env_file=None).model_copy(update={"data_dir": Path(data), "agent_user": user})
    cage, level = Cage(settings, {"PATH": os.defpath}), Level(int(number))
    with rooms(settings.data_dir, cage.guest, root=cage.root and level is not Level.LIMITS) as made:
        bare = Command(
            ("/bin/sh", "-c", script), made.workspace, {"PATH": os.defpath, "HOME": str(made.home)}
        )
        # This process is killed: nobody comes to close it.
        process = Process.start(cage.wrap(bare, made, level), mark=mark)
        while True:
            sys.stdout.write(process.read(1).stdout.decode())
            sys.stdout.flush()


signal.signal(signal.SIGTERM, signal.SIG_IGN)
main()
