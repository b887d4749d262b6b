"""The data directory when another user lives in a part of it."""

import os
import stat
from pathlib import Path

from app.runner.cage.reach import closed
from app.runner.guest import Guest


def open_the_way(data_dir: Path, guest: Guest) -> str | None:
    """Let the Guest through to its Session, and to nothing beside; return what keeps it out above.

    Sessions have names that cannot be guessed, and their directory cannot be listed.
    """
    found = closed([data_dir], guest.uid, guest.gid)
    if found:
        return f"{found}, and the data directory is in it; move it (ERRAND_DATA_DIR), to /var/lib/errand"
    for path in data_dir.iterdir():
        if path.name != "sessions":
            _shut(path)
    for path in (data_dir, data_dir / "sessions"):
        path.mkdir(exist_ok=True)
        path.chmod(0o711)
    return None


def _shut(path: Path) -> None:
    """Take from everybody else what is ours alone."""
    mode = path.lstat().st_mode
    if stat.S_ISLNK(mode) or not mode & 0o077 or path.lstat().st_uid != os.geteuid():
        return
    path.chmod(stat.S_IMODE(mode) & 0o700)
