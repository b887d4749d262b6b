"""What an Agent brings into a Session's HOME/.claude: CLAUDE.md and its skills."""

import os
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from app.agents.source import Unusable, because, inside, read, shown

#: Instructions are copied into every Session at every Attempt, so they have to stay small.
MOST_FILES = 500
MOST_BYTES = 8 * 1024 * 1024
DEEPEST = 8


@dataclass(frozen=True)
class File:
    """One file of an Agent's instructions."""

    content: bytes
    executable: bool


def instructions(folder: Path) -> dict[str, File]:
    """Read an Agent's CLAUDE.md and skills/ by their paths in HOME/.claude.

    Raises Unusable for a link that leads out of the agents folder, for what can't be read, and for too much.
    """
    root, files, size = folder.parent, dict[str, File](), 0
    for path, source in _sources(folder):
        content, found = read(root, source, limit=MOST_BYTES)
        size += len(content)
        if len(files) >= MOST_FILES or size > MOST_BYTES:
            limits = f"{MOST_FILES} files and {MOST_BYTES // 1024} KB"
            raise Unusable(shown(root, folder), f"has more instructions than {limits}")
        files[str(path)] = File(content, executable=bool(found.st_mode & stat.S_IXUSR))
    return files


def wanting(files: Mapping[str, File]) -> Iterator[tuple[str, str]]:
    """Yield (file, what) for what keeps instructions from having their effect, without being an error."""
    if "CLAUDE.md" not in files:
        yield "CLAUDE.md", "is missing: the agent runs without instructions"
    for path, file in files.items():
        if re.fullmatch(r"skills/[^/]+/SKILL\.md", path) and not _has_front_matter(file.content):
            yield f".claude/{path}", "must begin with front matter that has a name and a description"


def _has_front_matter(content: bytes) -> bool:
    block = re.match(rb"---\r?\n(.*?\n)---\r?\n", content, re.DOTALL)
    return block is not None and all(
        re.search(rb"^%s:[ \t]*\S" % key, block[1], re.MULTILINE) for key in (b"name", b"description")
    )


def _sources(folder: Path) -> Iterator[tuple[PurePosixPath, Path]]:
    claude_md, skills = folder / "CLAUDE.md", folder / ".claude" / "skills"
    if os.path.lexists(claude_md):
        yield PurePosixPath("CLAUDE.md"), claude_md
    if os.path.lexists(skills):
        yield from _below(folder.parent, skills, PurePosixPath("skills"))


def _below(root: Path, directory: Path, path: PurePosixPath) -> Iterator[tuple[PurePosixPath, Path]]:
    """Yield the files below `directory`; bounded in depth, so links in a circle come to an end."""
    if len(path.parts) > DEEPEST:
        raise Unusable(shown(root, directory), "is nested too deeply")
    try:
        entries = sorted(inside(root, directory).iterdir())
    except OSError as error:
        raise Unusable(shown(root, directory), because(error)) from error
    for entry in (directory / found.name for found in entries):
        if inside(root, entry).is_dir():
            yield from _below(root, entry, path / entry.name)
        else:
            yield path / entry.name, entry
