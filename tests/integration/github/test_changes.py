"""What an agent committed, taken over, looked through, signed and pushed, with real git over HTTP."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.github import changes
from app.github.access import AppAccess, Scope
from app.github.changes import Refused, Rules
from app.github.git import signed
from app.github.mirror import Mirror, Mirrors, Remote, Start
from app.security.redact import Redactor
from tests.fakes.github import git_http
from tests.fakes.github.server import FakeGitHub
from tests.fakes.github.state import Repository

SECRET = "a-secret-of-some-length"
AUTHOR = ("errand-test[bot]", "42+errand-test[bot]@users.noreply.github.com")
MONA = "Co-authored-by: mona <7+mona@users.noreply.github.com>"
RULES = Rules(Redactor([SECRET]), AUTHOR, MONA)
BRANCH = "agent/issue-1-it-breaks-1f3a9c"


@pytest.fixture
def remote(github: FakeGitHub, access: AppAccess, hello: Repository) -> Remote:
    """The repository, with a token that pushes."""
    return Remote(
        hello.id,
        hello.full_name,
        f"{github.git_url}/{hello.full_name}.git",
        access.token(hello.full_name, Scope.PUSH),
    )


@pytest.fixture
def start(hello: Repository) -> Start:
    """The default branch."""
    return Start(BRANCH, git_http.head(hello.path, "main") or "", "main")


@pytest.fixture
def mirror(tmp_path: Path, remote: Remote, start: Start) -> Iterator[Mirror]:
    """The copy, with the beginning in it."""
    with Mirrors(tmp_path / "data", most=50 * 1024**2).open(remote) as opened:
        opened.fetch(start)
        yield opened


@pytest.fixture
def work(tmp_path: Path, mirror: Mirror, start: Start) -> Path:
    """A workspace, checked out."""
    directory = tmp_path / "work"
    mirror.furnish(directory, start, author=("Errand", "errand@example.org"))
    git_http.git("checkout", "-q", start.branch, "--", at=directory)
    return directory


Commit = Callable[..., None]


@pytest.fixture
def commit(work: Path) -> Commit:
    """Commit files in the workspace."""

    def make(files: dict[str, str], message: str = "Mend it") -> None:
        for name, text in files.items():
            (work / name).parent.mkdir(parents=True, exist_ok=True)
            (work / name).write_text(text)
        git_http.git("add", "-A", "-f", at=work)
        git_http.git("commit", "-q", "-m", message, at=work)

    return make


def taken(work: Path, mirror: Mirror, start: Start, rules: Rules = RULES) -> changes.Signed:
    """Take over what the workspace has."""
    bundle = work / ".git" / "out.bundle"
    git_http.git("bundle", "create", "-q", str(bundle), "HEAD", f"^{start.sha}", at=work)
    tip = changes.take_over(mirror.git, bundle.read_bytes())
    return changes.sign(mirror.git, start=start.sha, known=start.sha, tip=tip, rules=rules)


def pushed(
    mirror: Mirror, tip: str, branch: str = BRANCH, *, expect: str | None = None, ours: bool = True
) -> None:
    """Push it."""
    changes.push(
        mirror.git,
        mirror.remote.url,
        tip,
        branch,
        expect=expect,
        ours=ours,
        protocols=mirror.remote.protocols,
        settings=signed(mirror.remote.token),
    )


def test_commits_are_pushed_by_our_author_with_the_one_who_asked(
    work: Path, mirror: Mirror, start: Start, commit: Commit, hello: Repository
) -> None:
    """Whom the agent names as an author says nothing."""
    commit({"README.md": "Bye\n"}, "Say goodbye")
    commit({"more": "x\n"}, f"Add more\n\nCo-authored-by: {SECRET} <x@example.org>")

    found = taken(work, mirror, start)
    pushed(mirror, found.tip)

    assert found.commits == 2
    assert git_http.head(hello.path, BRANCH) == found.tip
    log = git_http.git("log", "--format=%an <%ae>|%cn|%B", f"{start.sha}..{found.tip}", at=hello.path)
    assert log.count(f"{AUTHOR[0]} <{AUTHOR[1]}>|{AUTHOR[0]}|") == 2
    assert log.count(MONA) == 2
    assert SECRET not in log
    assert "mona@example.org" not in log


def test_commit_messages_do_nothing(
    work: Path, mirror: Mirror, start: Start, commit: Commit, hello: Repository
) -> None:
    """They close no issue and call nobody when somebody merges, and credit nobody but whoever asked."""
    theirs = (
        "co-authored-by: eve <eve@example.org>\n  and <more@example.org>\nSigned-off-by: eve <e@example.org>"
    )
    commit(
        {"README.md": "Bye\n"},
        f"Mend it, closes #99\n\nAs @octo/security said.\n\nRefs: #1\n{theirs}\n{MONA}",
    )
    commit({"more": "x\n"}, theirs)

    found, again = taken(work, mirror, start), taken(work, mirror, start)
    pushed(mirror, found.tip)

    log = git_http.git("log", "--reverse", "--format=%B%x00", f"{start.sha}..{found.tip}", at=hello.path)
    first, second = (message.strip() for message in log.split("\0")[:2])
    assert first == f"Mend it, closes\u200b #99\n\nAs @\u200bocto/security said.\n\nRefs: #1\n{MONA}"
    assert second == f"Change\n\n{MONA}"
    assert found == again


def test_same_commits_give_the_same_result(
    work: Path, mirror: Mirror, start: Start, commit: Commit, hello: Repository
) -> None:
    """So that whoever does it again after a crash pushes nothing new."""
    commit({"README.md": "Bye\n"})

    first, again = taken(work, mirror, start), taken(work, mirror, start)
    pushed(mirror, first.tip)
    pushed(mirror, again.tip, expect=first.tip)

    assert first == again
    assert git_http.head(hello.path, BRANCH) == first.tip


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({".github/workflows/ci.yml": "on: push\n"}, "automation"),
        ({".GitHub/Workflows/ci.yml": "on: push\n"}, "automation"),
        ({"config": f"key = {SECRET}\n"}, "secret"),
        ({"config": "ghp_" + "a1" * 18}, "secret"),
        ({"key.pem": "-----BEGIN RSA PRIVATE KEY-----\n"}, "secret"),
        ({f"{SECRET}.txt": "x"}, "secret"),
        ({"big": "0" * (changes.FILE + 1)}, "larger"),
    ],
)
def test_what_may_not_be_pushed(
    request: pytest.FixtureRequest, mirror: Mirror, commit: Commit, files: dict[str, str], said: str
) -> None:
    """Also where a later commit takes it out again: the history would have it."""
    work: Path = request.getfixturevalue("work")
    commit(files)
    git_http.git("rm", "-q", *files, at=work)
    git_http.git("commit", "-q", "--allow-empty", "-m", "Take it out", at=work)

    with pytest.raises(Refused, match=said):
        taken(work, mirror, request.getfixturevalue("start"))


def test_a_refusal_names_a_file_as_one_harmless_line(
    work: Path, mirror: Mirror, start: Start, commit: Commit
) -> None:
    """The agent chose the name: it neither leaves its quotes, nor fills the answer, nor tells a secret."""
    commit({f".github/workflows/x` @octo/security\n\n# {'y' * 30}{SECRET}{'y' * 100}`": "on: push\n"})

    with pytest.raises(Refused, match="automation") as refused:
        taken(work, mirror, start)

    shown = ".github/workflows/x` @octo/security # " + "y" * 30 + "***"
    assert f"They change ``{shown}{'y' * (120 - len(shown))}…``: automation" in str(refused.value)
    assert SECRET[:8] not in str(refused.value)


def test_workflows_are_pushed_where_that_is_allowed(
    work: Path, mirror: Mirror, start: Start, commit: Commit
) -> None:
    """A setting says so."""
    commit({".github/workflows/ci.yml": "on: push\n"})

    allowed = Rules(RULES.redactor, AUTHOR, MONA, workflows=True)
    assert taken(work, mirror, start, allowed).commits == 1


def test_submodules_are_refused(work: Path, mirror: Mirror, start: Start) -> None:
    """Nobody here can look into them."""
    git_http.git("update-index", "--add", "--cacheinfo", f"160000,{start.sha},sub", at=work)
    git_http.git("commit", "-q", "-m", "Add", at=work)

    with pytest.raises(Refused, match="submodule"):
        taken(work, mirror, start)


def test_rewritten_history_is_refused(
    work: Path, mirror: Mirror, start: Start, commit: Commit, hello: Repository
) -> None:
    """Only commits on top of what was there are pushed."""
    git_http.git("checkout", "-q", "--orphan", "other", at=work)
    commit({"README.md": "Mine\n"})

    with pytest.raises(Refused, match="rewrote"):
        taken(work, mirror, start)
    assert git_http.head(hello.path, BRANCH) is None


@pytest.mark.parametrize("bundle", [b"", b"nonsense", b"# v2 git bundle\n\nPACK" + b"\0" * 40])
def test_what_is_no_bundle_is_refused(mirror: Mirror, bundle: bytes) -> None:
    """The workspace can answer whatever it likes."""
    with pytest.raises(Refused, match="cannot be read"):
        changes.take_over(mirror.git, bundle)


def test_branch_that_somebody_else_changed_is_left_alone(
    work: Path, mirror: Mirror, start: Start, commit: Commit, hello: Repository
) -> None:
    """Neither a pull request's, nor one that is called like ours."""
    commit({"README.md": "Bye\n"})
    found = taken(work, mirror, start)
    theirs = hello.change(BRANCH, {"README.md": "Theirs\n"})

    for ours in (True, False):
        with pytest.raises(Refused, match="changed by somebody else"):
            pushed(mirror, found.tip, ours=ours)
    assert git_http.head(hello.path, BRANCH) == theirs


def test_merged_history_of_others_stays_theirs(
    work: Path, mirror: Mirror, start: Start, commit: Commit, hello: Repository
) -> None:
    """Commits that GitHub has are not made anew."""
    later = hello.change("main", {"other": "x\n"})
    mirror.fetch(Start(start.branch, later, "main"))
    commit({"README.md": "Bye\n"})
    git_http.git("fetch", "-q", str(hello.path), "main", at=work)
    git_http.git("merge", "-q", "--no-edit", "FETCH_HEAD", at=work)
    git_http.git("bundle", "create", "-q", "out.bundle", "HEAD", f"^{start.sha}", at=work)

    tip = changes.take_over(mirror.git, (work / "out.bundle").read_bytes())
    found = changes.sign(mirror.git, start=start.sha, known=later, tip=tip, rules=RULES)

    assert found.commits == 2
    assert mirror.git.attempt("merge-base", "--is-ancestor", later, found.tip).ok
