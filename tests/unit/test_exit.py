"""How a process of ours ends."""

import subprocess
import sys


def test_its_objects_are_not_looked_through_at_the_end() -> None:
    """When all else is done, Python's last collections find nothing to look at."""
    code = "import atexit, gc; atexit.register(lambda: print(len(gc.get_objects()))); import app"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)

    assert int(ended.stdout) < 100
