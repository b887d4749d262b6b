"""The copy of a repository, and the workspaces made of it, with real git over HTTP."""

import os
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from app.domain.reason import Reason
from app.github.access import AppAccess, Scope
from app.github.git import GitAway, GitFailed, safe_environment
from app.github.mirror import Mirrors, Remote, Start
from tests.fakes.github import git_http
from tests.fakes.github.server import FakeGitHub
from tests.fakes.github.state import Repository

MOST = 50 * 1024**2
AUTHOR = ("Errand", "errand@example.org")


@pytest.fixture
def remote(github: FakeGitHub, access: AppAccess, hello: Repository) -> Remote:
    """The repository, with a token that reads."""
    return Remote(
        hello.id,
        hello.full_name,
        f"{github.git_url}/{hello.full_name}.git",
        access.token(hello.full_name, Scope.READ),
    )


@pytest.fixture
def start(hello: Repository) -> Start:
    """The default branch, to be worked on in a branch of our own."""
    return Start("agent/issue-1-it-breaks-1f3a9c", git_http.head(hello.path, "main") or "", "main")


@pytest.fixture
def mirrors(tmp_path: Path) -> Mirrors:
    """Copies, none yet."""
    return Mirrors(tmp_path / "data", most=MOST)


Furnish = Callable[[Start], Path]


@pytest.fixture
def furnish(tmp_path: Path, mirrors: Mirrors, remote: Remote) -> Furnish:
    """Make a workspace and check it out."""

    def make(start: Start) -> Path:
        work = tmp_path / f"work-{start.sha[:8]}"
        with mirrors.open(remote) as mirror:
            mirror.fetch(start)
            mirror.furnish(work, start, author=AUTHOR)
        git_http.git("checkout", "-q", start.branch, "--", at=work)
        return work

    return make


def test_workspace_is_at_the_commit_of_the_trigger(furnish: Furnish, start: Start, hello: Repository) -> None:
    """What was pushed since is not what was asked about."""
    later = hello.change("main", {"README.md": "Later\n"})

    work = furnish(start)

    assert git_http.git("rev-parse", "HEAD", at=work).strip() == start.sha != later
    assert git_http.git("rev-parse", "origin/main", at=work).strip() == later
    assert git_http.git("branch", "--show-current", at=work).strip() == start.branch
    assert (work / "README.md").read_text() == "Hello\n"


def test_token_is_nowhere_in_what_is_left(
    furnish: Furnish, start: Start, remote: Remote, tmp_path: Path
) -> None:
    """RUN-09: not in the workspace, not in the copy, not in any form that git writes it in."""
    furnish(start)

    found = [
        path
        for path in tmp_path.rglob("*")
        if path.is_file()
        and "github/" not in str(path.relative_to(tmp_path))
        and (remote.token.encode() in path.read_bytes() or b"Authorization" in path.read_bytes())
    ]
    assert found == []


@pytest.mark.parametrize(
    "name", ["-x", "--upload-pack=touch${IFS}pwned", "a..b", "x.lock", "a;b", "", "@{u}"]
)
def test_strange_branch_is_refused_before_git_sees_it(
    mirrors: Mirrors, remote: Remote, start: Start, name: str
) -> None:
    """RUN-07: with the reason of its own."""
    with mirrors.open(remote) as mirror:
        for strange in (replace(start, branch=name), replace(start, base=name)):
            with pytest.raises(GitFailed) as caught:
                mirror.fetch(strange)
            assert caught.value.code == Reason.INVALID_REF
        assert not mirror.git.path.exists()


def test_copy_is_fetched_into_again(
    mirrors: Mirrors, remote: Remote, start: Start, hello: Repository
) -> None:
    """The second time only what is new travels, and what is broken is made anew."""
    with mirrors.open(remote) as mirror:
        mirror.fetch(start)
        made = mirror.git.path.stat().st_ino
        later = replace(start, sha=hello.change("main", {"README.md": "Later\n"}))
        mirror.fetch(later)
        assert mirror.git.has(later.sha)
        assert mirror.git.path.stat().st_ino == made
        (mirror.git.path / "HEAD").write_text("nonsense\n")
        mirror.fetch(later)
        assert mirror.git.has(later.sha)


def test_where_a_branch_is(github: FakeGitHub, mirrors: Mirrors, remote: Remote, hello: Repository) -> None:
    """As git has it, by its whole name; what is no name is refused, and GitHub away is waited for."""
    first = git_http.head(hello.path, "main")
    git_http.git("update-ref", "refs/heads/a/refs/heads/main", str(first), at=hello.path)
    later = hello.change("main", {"README.md": "Later\n"})

    assert mirrors.tip(remote, "main") == later
    assert mirrors.tip(remote, "a/refs/heads/main") == first
    assert mirrors.tip(remote, "nobody") is None
    with pytest.raises(GitFailed) as caught:
        mirrors.tip(remote, "--upload-pack=x")
    assert caught.value.code == Reason.INVALID_REF
    github.fail("GET", r"\.git/info/refs", status=502)
    with pytest.raises(GitAway):
        mirrors.tip(remote, "main")


def test_commit_that_is_gone_is_an_error_with_words(mirrors: Mirrors, remote: Remote, start: Start) -> None:
    """A force push may have taken it."""
    with mirrors.open(remote) as mirror, pytest.raises(GitFailed) as caught:
        mirror.fetch(replace(start, sha="1" * 40))
    assert caught.value.code == Reason.CHECKOUT_FAILED


def test_github_that_is_away_is_told_from_github_that_refuses(
    github: FakeGitHub, mirrors: Mirrors, remote: Remote, start: Start
) -> None:
    """Only the first is worth another try."""
    github.fail("GET", r"\.git/info/refs", status=502)
    with mirrors.open(remote) as mirror, pytest.raises(GitAway):
        mirror.fetch(start)
    with mirrors.open(replace(remote, token="ghs_wrong")) as mirror, pytest.raises(GitFailed) as caught:
        mirror.fetch(start)
    assert caught.value.code == Reason.CHECKOUT_FAILED
    assert "ghs_wrong" not in str(caught.value)


def test_tree_that_would_fill_the_disk_is_refused(
    tmp_path: Path, remote: Remote, start: Start, hello: Repository
) -> None:
    """Before anything is written: what packs well can be of any size."""
    big = replace(start, sha=hello.change("main", {"zeros": "0" * 3_000_000}))
    small = Mirrors(tmp_path / "small", most=2_000_000)
    with small.open(remote) as mirror, pytest.raises(GitFailed, match="more than 2000000 bytes"):
        mirror.fetch(big)


def test_nothing_in_the_repository_runs(
    mirrors: Mirrors, remote: Remote, start: Start, hello: Repository, tmp_path: Path
) -> None:
    """Neither submodules nor filters nor hooks, and an embedded bare repository is only files."""
    pwned = tmp_path / "pwned"
    embedded = {
        "inner/HEAD": "ref: refs/heads/main\n",
        "inner/config": f"[core]\n\tbare = true\n\tfsmonitor = touch {pwned}; false\n",
        "inner/objects/x": "",
        "inner/refs/x": "",
    }
    work = hello.path.with_suffix(".work")
    for name in embedded:
        (work / name).parent.mkdir(parents=True, exist_ok=True)
    files = {
        ".gitattributes": "* filter=lfs\n",
        ".gitmodules": f'[submodule "s"]\n\turl = {tmp_path}\n\tpath=s\n',
    }
    hostile = replace(start, sha=hello.change("main", {**files, **embedded}))

    directory = tmp_path / "work"
    with mirrors.open(remote) as mirror:
        mirror.fetch(hostile)
        mirror.furnish(directory, hostile, author=AUTHOR)
    environment = {**safe_environment(), "PATH": os.environ["PATH"]}
    for command in (["checkout", "-q", hostile.branch, "--"], ["-C", "inner", "status"]):
        subprocess.run(["git", *command], cwd=directory, env=environment, check=False, capture_output=True)

    assert (directory / "inner" / "config").exists()
    assert not pwned.exists()
    assert list((directory / ".git").glob("hooks/*")) == []
