"""A copy of each repository on this machine: what a workspace is made of, and where changes are looked at.

A bare repository that holds what GitHub sent and nothing that an agent could have configured. One at a time
works in it, of all processes here; a copy that is broken or has grown too much is made anew.
"""

import fcntl
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.domain.git_ref import is_ref
from app.domain.reason import Reason
from app.github.git import FAR, Git, GitAway, GitFailed, signed

#: Commits of history that an agent gets to see.
DEPTH = 100
#: Entries of a tree that is checked out, and packs after which a copy is made anew.
_ENTRIES, _PACKS = 200_000, 50
#: Seconds after which a copy that nobody used goes.
_UNUSED = 30 * 24 * 3600.0


@dataclass(frozen=True)
class Remote:
    """One repository on GitHub, and the token to reach it with."""

    id: int
    #: owner/name.
    name: str
    #: Where it is cloned from: the only host that git speaks to.
    url: str
    token: str

    @property
    def protocols(self) -> tuple[str]:
        """How: https, or http where the server is one of this machine's."""
        return (self.url.partition(":")[0],)


@dataclass(frozen=True)
class Start:
    """Where the work begins."""

    #: What the workspace's branch is called, and the commit that it is at.
    branch: str
    sha: str
    #: The branch that the changes are for, as of now.
    base: str
    #: The pull request whose branch it is; None for a branch of our own that is to be made.
    pull_number: int | None = None


class Mirrors:
    """All the copies of one machine."""

    def __init__(self, data_dir: Path, *, most: int, way: Mapping[str, str] | None = None) -> None:
        self._root = data_dir / "repositories"
        #: Bytes that one may have, and a checkout of it.
        self._most = most
        #: How git reaches GitHub from here, as `git.network` says.
        self._way = way

    @contextmanager
    def open(self, remote: Remote) -> Iterator["Mirror"]:
        """Have the copy of `remote` to oneself."""
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (self._root / f"{remote.id}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            os.utime(lock.fileno())
            self._forget_unused()
            yield Mirror(self._root / f"{remote.id}.git", remote, most=self._most, way=self._way)

    def tip(self, remote: Remote, branch: str) -> str | None:
        """Return the commit that a branch is at over there, or None where there is none.

        Git is asked, which fetches and pushes it. Raises as `Mirror.fetch` does.
        """
        _checked(branch)
        name = f"refs/heads/{branch}"
        # It needs no repository, and so has none that could be broken. It finds all names that end so.
        git = Git(Path(os.devnull), way=self._way)
        said = git.text("ls-remote", "--", remote.url, name, **_far(remote))
        found = (line.split("\t", 1) for line in said.splitlines() if "\t" in line)
        return next((sha for sha, ref in found if ref == name), None)

    def _forget_unused(self) -> None:
        """Delete copies that nobody has used for a month."""
        before = time.time() - _UNUSED
        for path in self._root.glob("*.lock"):
            if path.stat().st_mtime < before and path.with_suffix(".git").exists():
                with path.open("r+") as lock:
                    fcntl.flock(lock, fcntl.LOCK_EX)
                    shutil.rmtree(path.with_suffix(".git"), ignore_errors=True)


class Mirror:
    """The copy of one repository, while it is ours alone."""

    def __init__(self, path: Path, remote: Remote, *, most: int, way: Mapping[str, str] | None) -> None:
        self.git = Git(path, most=most, way=way)
        self.remote = remote
        self._most = most

    def fetch(self, start: Start) -> None:
        """Get the commit of `start` and its base.

        Raises GitFailed (`invalid_ref`, `checkout_failed`) or GitAway.
        """
        _checked(start.branch, start.base)
        specs = [f"+{start.sha}:{at(start.sha)}", f"+refs/heads/{start.base}:{base_of(start)}"]
        self._prepared()
        try:
            self._fetched(specs)
        except GitAway:
            raise
        except GitFailed:
            # Broken by a crash or a full disk, perhaps: once more from nothing says.
            shutil.rmtree(self.git.path, ignore_errors=True)
            self._prepared()
            self._fetched(specs)
        if not self.git.has(start.sha):
            raise GitFailed(f"the commit {start.sha[:12]} is no longer in {self.remote.name}")
        self._check_size(start.sha)

    def furnish(self, directory: Path, start: Start, *, author: tuple[str, str]) -> None:
        """Make `directory`, which is new, a repository with that commit; its files come with a checkout.

        Nothing in it leads to a token: its remote is only a name.
        """
        inside = Git(directory / ".git", most=self._most)
        inside.begin()
        origin = [f"+{at(start.sha)}:refs/heads/{start.branch}"]
        origin += [f"+{base_of(start)}:refs/remotes/origin/{start.base}"]
        inside.run(
            "fetch",
            "--quiet",
            "--no-tags",
            "--update-shallow",
            str(self.git.path),
            *origin,
            protocols=("file",),
        )
        (inside.path / "FETCH_HEAD").unlink(missing_ok=True)
        inside.run("symbolic-ref", "HEAD", f"refs/heads/{start.branch}")
        settings = {"core.bare": "false", "user.name": author[0], "user.email": author[1]}
        for name, value in {**settings, "remote.origin.url": self.remote.url}.items():
            inside.run("config", name, value)

    def _prepared(self) -> None:
        packs = self.git.path / "objects" / "pack"
        if packs.exists() and len(list(packs.glob("*.pack"))) > _PACKS:
            shutil.rmtree(self.git.path)
        if not (self.git.path / "HEAD").exists():
            shutil.rmtree(self.git.path, ignore_errors=True)
            self.git.begin()

    def _fetched(self, specs: list[str]) -> None:
        asked = ("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", f"--depth={DEPTH}", "--force")
        self.git.run(*asked, "--", self.remote.url, *specs, **_far(self.remote))

    def _check_size(self, sha: str) -> None:
        """Refuse what would fill the disk: a small pack can hold a tree of any size."""
        done = self.git.attempt("ls-tree", "-r", "-l", "-z", "--full-tree", sha)
        entries = done.stdout.split(b"\0")[:-1]
        if not done.ok or done.truncated or len(entries) > _ENTRIES:
            raise GitFailed(f"the tree of {sha[:12]} has more than {_ENTRIES} files")
        sizes = [entry.split(None, 4)[3] for entry in entries]
        if sum(int(size) for size in sizes if size.isdigit()) > self._most:
            raise GitFailed(f"the files of {sha[:12]} have more than {self._most} bytes")


def _far(remote: Remote) -> dict[str, Any]:
    """Return how git is run to reach GitHub."""
    return {"protocols": remote.protocols, "settings": signed(remote.token), "timeout": FAR}


def _checked(*names: str) -> None:
    for name in names:
        if not is_ref(name):
            raise GitFailed(repr(name[:100]), reason=Reason.INVALID_REF)


def at(sha: str) -> str:
    """Return where a copy keeps a commit that work began at."""
    return f"refs/errand/at/{sha}"


def base_of(start: Start) -> str:
    """Return where a copy keeps the branch that the changes are for."""
    return f"refs/errand/base/{start.base}"
