"""Directories change hands: from one user's to another's, links not followed."""

import os
from collections.abc import Set as AbstractSet


def own(directory: int, uid: int, gid: int) -> None:
    """Make an open directory and all below it the user's, unless it is already."""
    if os.fstat(directory).st_uid != uid:
        give(directory, uid, gid)


def give(directory: int, uid: int, gid: int, *, spared: AbstractSet[str] = frozenset()) -> None:
    """Make an open directory and all below it the user's, but for what is called so at its top.

    It is called when nobody is in there: a directory that somebody replaced meanwhile by a link is an error.
    """
    for place, directories, files, at in os.fwalk(".", dir_fd=directory, follow_symlinks=False):
        if place == ".":
            directories[:] = [name for name in directories if name not in spared]
        for name in (*directories, *files):
            if place != "." or name not in spared:
                os.chown(name, uid, gid, dir_fd=at, follow_symlinks=False)
    os.fchown(directory, uid, gid)
