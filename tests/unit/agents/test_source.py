"""What the operating system says about a file of an agent, in words."""

import errno

import pytest

from app.agents.source import because


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOENT, "is missing"),
        (errno.EACCES, "cannot be read: permission denied"),
        (errno.EISDIR, "is a directory where a file should be"),
        (errno.EIO, "cannot be read: it broke"),
    ],
)
def test_an_error_fits_after_the_name_of_the_file(number: int, words: str) -> None:
    """The usual ones have words of their own, the rest the system's."""
    assert because(OSError(number, "It broke")) == words
