"""The files below agents/, read so that nothing outside of it is ever opened."""

import errno
import os
import stat
from pathlib import Path

from app.domain.reason import Reason, sentence
from app.errors import Invalid


class Unusable(Invalid):
    """An Agent cannot be used, because of one of its files."""

    reason = Reason.AGENT_INVALID

    def __init__(self, file: str, what: str, *, line: int | None = None) -> None:
        self.file, self.what, self.line = file, what, line
        #: What fills the `{detail}` of the reason's sentence.
        self.detail = f"{file if line is None else f'{file}, line {line}'}: {what}"
        super().__init__(sentence(Reason.AGENT_INVALID, detail=self.detail))


def shown(root: Path, path: Path) -> str:
    """Name `path` as a person finds it: from the agents folder on; never the machine's whole path."""
    return f"{root.name}/{path.relative_to(root)}"


def inside(root: Path, path: Path) -> Path:
    """Return where `path` really is; raises Unusable where that is outside of `root`, or nowhere."""
    try:
        real = path.resolve(strict=True)
    except OSError as error:
        raise Unusable(shown(root, path), because(error)) from error
    except RuntimeError:  # Python's word for links in a circle, until 3.13
        raise Unusable(shown(root, path), "is a link that leads to itself") from None
    if not real.is_relative_to(root.resolve()):
        raise Unusable(shown(root, path), "is a link that leads out of the agents folder")
    return real


def read(root: Path, path: Path, *, limit: int) -> tuple[bytes, os.stat_result]:
    """Return the content of the file `path` and its stat; raises Unusable, also above `limit` bytes."""
    # Non-blocking, because opening a FIFO would wait for its writer for ever.
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        with open(inside(root, path), "rb", opener=lambda name, _: os.open(name, flags)) as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise Unusable(shown(root, path), "is not a regular file")
            content = file.read(limit + 1)
    except OSError as error:
        raise Unusable(shown(root, path), because(error)) from error
    if len(content) > limit:
        raise Unusable(shown(root, path), f"is larger than {limit // 1024} KB")
    return content, found


def because(error: OSError) -> str:
    """Say what is wrong in words that fit after a file's name."""
    words = {
        errno.ENOENT: "is missing",
        errno.EACCES: "cannot be read: permission denied",
        errno.EISDIR: "is a directory where a file should be",
        errno.ENOTDIR: "is not a directory",
        errno.ELOOP: "is a link that leads to itself",
    }
    return words.get(error.errno or 0, f"cannot be read: {(error.strerror or str(error)).lower()}")
