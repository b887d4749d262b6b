"""Who a CLI runs as, where the worker is root and can choose."""

import hashlib
import os
import pwd
from dataclasses import dataclass
from pathlib import Path

#: Who CLIs run as where nobody says otherwise, and who stands in while the machine has no such user. Other
#: programs that are `nobody` too can be signalled, and no more: each conversation has a group of its own.
DEFAULT = "errand-agent"
STAND_IN = "nobody"
#: The user and group ids of a Guest this machine has no entry for: in Debian's reserved range, so nobody's.
UNNAMED = 65432
#: Groups that keep Sessions apart which run at the same time as the same user.
_GROUPS = range(30_000, 60_000)


@dataclass(frozen=True)
class Guest:
    """The unprivileged user that CLIs are."""

    name: str
    uid: int
    gid: int
    #: Whether the machine itself knows the user: ssh and Node ask, and the cage has an answer of its own.
    known: bool = True

    def passwd(self, home: Path) -> bytes:
        """Return the /etc/passwd of the cage."""
        root = "" if self.uid == 0 else "root:x:0:0:root:/nonexistent:/usr/sbin/nologin\n"
        return f"{root}{self.name}:x:{self.uid}:{self.gid}:Errand's agent:{home}:/bin/sh\n".encode()

    def group(self) -> bytes:
        """Return the /etc/group of the cage."""
        return (("" if self.gid == 0 else "root:x:0:\n") + f"{self.name}:x:{self.gid}:\n").encode()


def find_guest(user: str) -> Guest:
    """Return who CLIs run as: ourselves, or `user` (a name or a number) where we are root."""
    if os.geteuid() != 0:
        return _known(pwd_of(os.geteuid()), os.geteuid(), os.getegid())
    if user.isdecimal():
        return _known(pwd_of(int(user)), int(user), int(user))
    for name in (user, *([STAND_IN] if user == DEFAULT else [])):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Guest(entry.pw_name, entry.pw_uid, entry.pw_gid)
    return Guest(user, UNNAMED, UNNAMED, known=False)


def pwd_of(uid: int) -> pwd.struct_passwd | None:
    """Return the machine's entry for a user id, None without one."""
    try:
        return pwd.getpwuid(uid)
    except KeyError:
        return None


def _known(entry: pwd.struct_passwd | None, uid: int, gid: int) -> Guest:
    if entry is None:
        return Guest("errand-agent", uid, gid, known=False)
    return Guest(entry.pw_name, uid, entry.pw_gid)


def session_group(session_id: str) -> int:
    """Return the group of a Session at level 1.

    The kernel lets one process look into another (its environment, its memory, its open files) only where
    user and group are the same; and the Session's directory is open to its group alone. So CLIs that run as
    the same user at the same time do not reach each other's conversations.
    """
    digest = hashlib.sha256(session_id.encode()).digest()
    return _GROUPS[int.from_bytes(digest[:8], "big") % len(_GROUPS)]
