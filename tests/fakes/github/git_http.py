"""Real git over HTTP: bare repositories served by `git http-backend`, with a token for a password."""

import base64
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_QUIET = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull, "GIT_TERMINAL_PROMPT": "0"}
_AUTHOR = {
    f"GIT_{role}_{what}": value
    for role in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "Mona"), ("EMAIL", "mona@example.org"))
}


@dataclass(frozen=True)
class Answer:
    """An HTTP answer of git's."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


GitFailed = subprocess.CalledProcessError


def git(*arguments: str, at: Path) -> str:
    """Run git in `at` and return what it prints."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(at), **_QUIET, **_AUTHOR}
    done = subprocess.run(
        ["git", *arguments], cwd=at, env=environment, check=True, capture_output=True, text=True
    )
    return done.stdout


def create(path: Path, files: Mapping[str, str], *, branch: str = "main") -> None:
    """Make a bare repository with one commit of `files`."""
    work = path.with_suffix(".work")
    work.mkdir(parents=True)
    git("init", "-q", f"--initial-branch={branch}", at=work)
    for name, text in files.items():
        (work / name).parent.mkdir(parents=True, exist_ok=True)
        (work / name).write_text(text)
    git("add", "-A", at=work)
    git("commit", "-q", "--allow-empty", "-m", "Begin", at=work)
    git("clone", "-q", "--bare", str(work), str(path), at=work)
    git("config", "http.receivepack", "true", at=path)


def commit(path: Path, branch: str, files: Mapping[str, str], *, start: str = "main") -> str:
    """Commit `files` on `branch` of a bare repository and return the commit."""
    work = path.with_suffix(".work")
    git("fetch", "-q", str(path), start, at=work)
    git("checkout", "-q", "-B", branch, "FETCH_HEAD", at=work)
    for name, text in files.items():
        (work / name).write_text(text)
    git("add", "-A", at=work)
    git("commit", "-q", "-m", f"Change {', '.join(files)}", at=work)
    git("push", "-q", "--force", str(path), branch, at=work)
    return head(path, branch) or ""


def head(path: Path, branch: str) -> str | None:
    """Return the commit a branch is at, or None."""
    try:
        return git("rev-parse", "--verify", "-q", f"refs/heads/{branch}", at=path).strip()
    except subprocess.CalledProcessError:
        return None


def password(authorization: str | None) -> str | None:
    """Return the password of a basic Authorization."""
    scheme, _, given = (authorization or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    return base64.b64decode(given).decode().partition(":")[2]


def serve(root: Path, *, verb: str, path: str, query: str, headers: Mapping[str, str], body: bytes) -> Answer:
    """Let `git http-backend` answer, as a web server would."""
    environment = {
        "PATH": os.environ["PATH"],
        "GIT_PROJECT_ROOT": str(root),
        "GIT_HTTP_EXPORT_ALL": "1",
        "REMOTE_USER": "x-access-token",
        "REQUEST_METHOD": verb,
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "CONTENT_TYPE": headers.get("Content-Type", ""),
        "CONTENT_LENGTH": str(len(body)),
        "HTTP_CONTENT_ENCODING": headers.get("Content-Encoding", ""),
        "GIT_PROTOCOL": headers.get("Git-Protocol", ""),
        **_QUIET,
    }
    done = subprocess.run(
        ["git", "http-backend"], input=body, env=environment, check=False, capture_output=True
    )
    head_, _, content = done.stdout.partition(b"\r\n\r\n")
    lines = [line.partition(": ") for line in head_.decode().split("\r\n") if line]
    found = [(name, value) for name, _, value in lines if name.lower() != "status"]
    status = next((int(value.split()[0]) for name, _, value in lines if name.lower() == "status"), 200)
    return Answer(status, found, content)
