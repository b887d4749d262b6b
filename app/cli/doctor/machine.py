"""This machine: the folder for the data, room in it, and programs that are good to have."""

import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from shlex import quote

from app.cli.doctor.finding import Finding, note, right, wrong
from app.errors import ErrandError
from app.runner.command import find_program
from app.settings import Settings

#: The largest outputs of so many Attempts should fit on the disk.
_ROOM = 4
_GIGABYTE = 1024**3

_TOOLS = {
    "git": ("git", "agents use it to look at changes"),
    "bubblewrap": ("bwrap", "keeps a CLI to its own folders on Linux"),
}


def data_dir(settings: Settings) -> Iterator[Finding]:
    """Whether files can be made where they are kept."""
    path = settings.data_dir
    if not path.exists():
        above = next(parent for parent in path.parents if parent.exists())
        if above.is_dir() and os.access(above, os.W_OK | os.X_OK):
            yield wrong("data", f"{path} does not exist yet.", "bin/up")
        else:
            yield wrong("data", f"{path} can't be made in {above}.", "export ERRAND_DATA_DIR=~/errand-data")
    elif not path.is_dir():
        yield wrong("data", f"{path} is not a folder.", "export ERRAND_DATA_DIR=~/errand-data")
    elif not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        yield wrong(
            "data", f"{path} can't be written to by this user.", f"sudo chown -R $USER {quote(str(path))}"
        )
    else:
        yield right("data", f"{path} can be written to.")


def disk(settings: Settings) -> Iterator[Finding]:
    """Whether there is room for what CLIs print and write."""
    folder = next(path for path in (settings.data_dir, *settings.data_dir.parents) if path.is_dir())
    yield judge_room(shutil.disk_usage(folder).free, settings.output_limit, folder)


def judge_room(free: int, output_limit: int, folder: Path) -> Finding:
    """Compare what is free with what a few runs may print."""
    text = f"{free / _GIGABYTE:.1f} GB are free in {folder}"
    if free < _ROOM * output_limit:
        need = _ROOM * output_limit / _GIGABYTE
        return wrong(
            "disk",
            f"{text}; a few large outputs need {need:.1f} GB.",
            f"du -sh {quote(str(folder))}/sessions/* | sort -h",
        )
    return right("disk", f"{text}.")


def guarantees(platform: str = sys.platform) -> Iterator[Finding]:
    """Which promises this kind of machine can't keep in full; docs/reliability.md has more."""
    if not platform.startswith("linux"):
        yield note(
            "processes",
            f"{platform} has no subreaper: what a CLI moves out of its process group may outlive its run.",
        )


def tools(environ: Mapping[str, str]) -> Iterator[Finding]:
    """Which of the programs that are good to have are there."""
    for name, (program, why) in _TOOLS.items():
        try:
            yield right(name, f"{find_program(program, environ)}")
        except ErrandError:
            yield note(name, f"{program} is not on PATH: {why}.")
