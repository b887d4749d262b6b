"""What an agent committed: taken over as data, looked through, and signed as what it is.

A bundle comes out of the workspace. It is read in a repository of ours, so that whatever was configured in
the workspace means nothing here, and it is looked at whole: each commit of it, not only the last.
"""

import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass

from app.github.cleaning import in_code, plain
from app.github.defusing import quieted
from app.github.git import Git, GitFailed, failure
from app.security.redact import Redactor

#: Commits, bytes of all of them packed, and of one file, that are pushed.
COMMITS, BUNDLE, FILE = 200, 20 * 1024**2, 10 * 1024**2
_MESSAGE = 10_000
_WORKFLOWS = re.compile(rb"\.github/workflows(?:/|\Z)", re.IGNORECASE)
_PRIVATE_KEY = re.compile(rb"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----")
#: Lines that name authors, with the indented ones that go on with them: an agent can name anybody.
_NAMES = re.compile(
    r"^[ \t]*(?:co-authored-by|signed-off-by)[ \t]*:[^\n]*(?:\n|\Z)(?:[ \t]+\S[^\n]*(?:\n|\Z))*",
    re.IGNORECASE | re.MULTILINE,
)
_DATE = re.compile(r"> (\d{1,12} [+-]\d{4})$")


class Refused(Exception):
    """The changes are not pushed; the message says why, and what to do."""


@dataclass(frozen=True)
class Rules:
    """What may be pushed, and in whose name."""

    redactor: Redactor
    #: Name and address of the author of every commit.
    author: tuple[str, str]
    #: The trailer that names who asked.
    co_author: str | None = None
    #: Whether the automation of the repository may be changed.
    workflows: bool = False


@dataclass(frozen=True)
class Signed:
    """Commits as they are pushed."""

    tip: str
    commits: int


def take_over(git: Git, bundle: bytes) -> str:
    """Read the commits of a bundle into a repository of ours and return the last of them."""
    with tempfile.NamedTemporaryFile(suffix=".bundle") as file:
        file.write(bundle)
        file.flush()
        try:
            said = git.text("bundle", "unbundle", file.name)
        except GitFailed as error:
            raise Refused(f"What the agent committed cannot be read ({error.detail}).") from error
    tip = said.split()[0] if said else ""
    if not git.has(tip):
        raise Refused("What the agent committed cannot be read (it has no last commit).")
    return tip


def sign(git: Git, *, start: str, known: str, tip: str, rules: Rules) -> Signed:
    """Check everything between `start` and `tip` and return it as commits of our own; raises Refused.

    `known` is a commit whose history is on GitHub already and stays as it is. The same commits give the same
    result, so doing it again after a crash pushes nothing new.
    """
    if not git.attempt("merge-base", "--is-ancestor", start, tip).ok:
        raise Refused(
            "The agent rewrote the history of the branch, and only commits on top of it are pushed."
        )
    new = git.text("rev-list", "--topo-order", "--reverse", tip, f"^{start}", f"^{known}").split()
    if len(new) > COMMITS:
        raise Refused(f"There are {len(new)} commits, and at most {COMMITS} are pushed.")
    for commit in new:
        _check(git, commit, rules)
    replaced: dict[str, str] = {}
    for commit in new:
        replaced[commit] = _signed(git, commit, replaced, rules)
    return Signed(replaced.get(tip, tip), len(new))


def _check(git: Git, commit: str, rules: Rules) -> None:
    for mode, blob, path in _entries(git, commit):
        shown = _shown(path, rules.redactor)
        if not rules.workflows and _WORKFLOWS.match(path):
            raise Refused(f"They change {shown}: automation with rights of its own is for people to change.")
        if mode == b"160000":
            raise Refused(f"They add the submodule {shown}, which nobody here can look at.")
        if blob is not None and int(git.text("cat-file", "-s", blob)) > FILE:
            raise Refused(f"{shown} is larger than {FILE // 1024**2} MB.")
    if _secret_in(_added(git, commit), rules.redactor):
        raise Refused("They contain what is, or looks like, a secret. Let the agent take it out.")


def _shown(path: bytes, redactor: Redactor) -> str:
    """Return a path as it is told: the agent chose it, and a secret that is cut would no longer be found."""
    return in_code(redactor.clean_text(plain(path.decode("utf-8", "replace"))))


def _entries(git: Git, commit: str) -> Iterator[tuple[bytes, str | None, bytes]]:
    """Yield mode, blob (None: gone) and path of what a commit touches, against each of its parents."""
    said = git.run("diff-tree", "--root", "-r", "-m", "-z", "--no-renames", "--no-commit-id", commit)
    fields = said.split(b"\0")[:-1]
    index = 0
    while index < len(fields):
        words = fields[index].removeprefix(b":").split()
        if len(words) < 5:  # the commit's own name, once for each parent of a merge
            index += 1
            continue
        gone = words[4] == b"D"
        yield words[1], None if gone else words[3].decode(), fields[index + 1]
        index += 2


def _added(git: Git, commit: str) -> bytes:
    """Return what a commit adds: its lines and its paths; its message is cleaned, its names are replaced."""
    options = ("--root", "-r", "-p", "-m", "--text", "--no-renames", "--no-ext-diff", "--no-textconv")
    patch = git.run("diff-tree", *options, "--no-color", commit)
    return b"\n".join(line[1:] for line in patch.split(b"\n") if line.startswith(b"+"))


def _secret_in(data: bytes, redactor: Redactor) -> bool:
    return bool(redactor.spans(data)) or _PRIVATE_KEY.search(data) is not None


def _signed(git: Git, commit: str, replaced: dict[str, str], rules: Rules) -> str:
    """Return the same commit by our author: whom an agent names as one says nothing."""
    raw = git.run("cat-file", "commit", commit).decode("utf-8", "replace")
    head, _, message = raw.partition("\n\n")
    fields = [line.partition(" ") for line in head.split("\n")]
    tree = next(value for name, _, value in fields if name == "tree")
    parents = [value for name, _, value in fields if name == "parent"]
    ours = [word for parent in parents for word in ("-p", replaced.get(parent, parent))]
    env = _identity(rules.author, {name: value for name, _, value in fields})
    return git.text("commit-tree", tree, *ours, stdin=_message(message, rules).encode(), env=env)


def _identity(author: tuple[str, str], fields: dict[str, str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for role in ("author", "committer"):
        date = _DATE.search(fields.get(role, ""))
        name = role.upper()
        found |= {f"GIT_{name}_NAME": author[0], f"GIT_{name}_EMAIL": author[1]}
        found[f"GIT_{name}_DATE"] = f"@{date[1]}" if date else "@0 +0000"
    return found


def _message(message: str, rules: Rules) -> str:
    """Return the agent's words, which do nothing, with whoever asked as the only other author."""
    said = _NAMES.sub("", rules.redactor.clean_text(plain(message)))
    text = quieted(said.strip()[:_MESSAGE].rstrip()) or "Change"
    if rules.co_author is None:
        return f"{text}\n"
    last = text.rsplit("\n\n", 1)[-1] if "\n\n" in text else ""
    trailers = bool(last) and all(re.match(r"[A-Za-z-]+: ", line) for line in last.split("\n"))
    return f"{text}{chr(10) if trailers else chr(10) * 2}{rules.co_author}\n"


def moved_on(branch: str) -> Refused:
    """Return the error for a branch that has what nobody here has seen."""
    return Refused(f"`{branch}` was changed by somebody else meanwhile. Ask again to have it done on top.")


def push(git: Git, url: str, tip: str, branch: str, *, expect: str | None, ours: bool, **how: object) -> None:
    """Push `tip` to `branch`; raises Refused where somebody else pushed there meanwhile, else GitFailed.

    A branch of our own is replaced if it is still as `expect` says (None: not there), which is what a crash
    may leave; another's only ever grows.
    """
    lease = [f"--force-with-lease=refs/heads/{branch}:{expect or ''}"] if ours else []
    done = git.attempt(
        *(
            "push",
            "--quiet",
            "--porcelain",
            "--no-verify",
            "--no-follow-tags",
            "--recurse-submodules=no",
            *lease,
        ),
        *("--", url, f"{tip}:refs/heads/{branch}"),
        **how,  # type: ignore[arg-type] # attempt's own
    )
    if done.ok:
        return
    said = (done.stdout + done.stderr).decode("utf-8", "replace")
    if "non-fast-forward" in said or "fetch first" in said or "stale info" in said:
        raise moved_on(branch)
    if "remote rejected" in said:
        lines = [line for line in said.splitlines() if "remote rejected" in line]
        raise Refused(f"GitHub refused the push ({lines[0].partition('[')[2][:200]}).")
    raise failure("push", done)
