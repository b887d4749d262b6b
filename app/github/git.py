"""Git as the control plane runs it: configured here and nowhere else, with no program of a repository's."""

import base64
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from app.domain.reason import Reason
from app.errors import ErrandError
from app.process import Completed, StartFailed, run

#: Seconds for what talks to GitHub, and for what does not.
FAR, NEAR = 300.0, 60.0
#: Bytes of one answer that are kept.
_ANSWER = 64 * 1024**2

#: By which way git gets out of this machine, as curl has it.
_PROXIES = ("HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "https_proxy", "http_proxy", "all_proxy", "no_proxy")
#: Names the file of authorities with which GitHub's API is asked, by the library that asks it.
_AUTHORITIES = "REQUESTS_CA_BUNDLE"

#: What no repository, no user and no machine may decide otherwise.
SAFE: Mapping[str, str] = {
    "core.fsmonitor": "false",
    "core.hooksPath": os.devnull,
    "core.protectHFS": "true",
    "core.protectNTFS": "true",
    "credential.helper": "",
    "fetch.fsckObjects": "true",
    "fetch.recurseSubmodules": "false",
    "gc.auto": "0",
    "http.followRedirects": "false",
    "maintenance.auto": "false",
    "protocol.allow": "never",
    "receive.fsckObjects": "true",
    "safe.bareRepository": "explicit",
    "safe.directory": "*",
    "submodule.recurse": "false",
}


class GitFailed(ErrandError):
    """Git did not do what was asked."""

    reason = Reason.CHECKOUT_FAILED

    def __init__(self, detail: str, *, reason: Reason = Reason.CHECKOUT_FAILED) -> None:
        super().__init__(detail, reason=reason)
        #: What fills the reason's sentence.
        self.detail = detail


class GitAway(GitFailed):
    """GitHub could not be reached by git."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail, reason=Reason.GITHUB_AWAY)


def safe_environment(
    *, protocols: Sequence[str] = (), settings: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Return an environment in which git reads no file of settings, and which says the rest itself.

    What is secret goes into `settings`: an environment is its owner's to read, a command line everybody's.
    """
    chosen = {**SAFE, **{f"protocol.{name}.allow": "always" for name in protocols}, **(settings or {})}
    numbered = {
        f"GIT_CONFIG_{part}_{number}": text
        for number, item in enumerate(chosen.items())
        for part, text in zip(("KEY", "VALUE"), item, strict=True)
    }
    return {
        "PATH": os.defpath,
        "HOME": "/nonexistent",
        "LC_ALL": "C.UTF-8",
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_CONFIG_COUNT": str(len(chosen)),
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_LFS_SKIP_SMUDGE": "1",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_TERMINAL_PROMPT": "0",
        **numbered,
    }


def signed(token: str) -> dict[str, str]:
    """Return the settings with which git shows `token` to GitHub."""
    word = base64.b64encode(f"x-access-token:{token}".encode()).decode()
    return {"http.extraHeader": f"Authorization: Basic {word}"}


def network(environ: Mapping[str, str]) -> dict[str, str]:
    """Return what git needs of our environment to reach GitHub: a network's proxy, and its own authority."""
    found = {name: environ[name] for name in _PROXIES if environ.get(name)}
    return found | ({"GIT_SSL_CAINFO": environ[_AUTHORITIES]} if environ.get(_AUTHORITIES) else {})


class Git:
    """One bare repository of ours, and git in it."""

    def __init__(self, path: Path, *, most: int | None = None, way: Mapping[str, str] | None = None) -> None:
        self.path = path
        #: Bytes that one file of it may have; git stops there.
        self._most = most
        #: The `network` it is in.
        self._way = way or {}

    def begin(self) -> None:
        """Make it, empty; no template, so no hooks."""
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.run("init", "--quiet", "--bare", "--template=", str(self.path))

    def run(
        self,
        *arguments: str,
        stdin: bytes = b"",
        protocols: Sequence[str] = (),
        settings: Mapping[str, str] | None = None,
        env: Mapping[str, str] | None = None,
        timeout: float = NEAR,
    ) -> bytes:
        """Return what git prints; raises GitFailed, or GitAway where GitHub did not answer."""
        done = self.attempt(
            *arguments, stdin=stdin, protocols=protocols, settings=settings, env=env, timeout=timeout
        )
        if not done.ok:
            raise failure(arguments[0], done)
        if done.truncated:
            raise GitFailed(f"git {arguments[0]} printed more than {_ANSWER} bytes")
        return done.stdout

    def attempt(
        self,
        *arguments: str,
        stdin: bytes = b"",
        protocols: Sequence[str] = (),
        settings: Mapping[str, str] | None = None,
        env: Mapping[str, str] | None = None,
        timeout: float = NEAR,
    ) -> Completed:
        """Run git here and return how it went."""
        limit = [] if self._most is None else ["prlimit", f"--fsize={self._most}:{self._most}"]
        environment = {**safe_environment(protocols=protocols, settings=settings), **self._way, **(env or {})}
        try:
            return run(
                [*limit, "git", f"--git-dir={self.path}", *arguments],
                timeout=timeout,
                env=environment,
                stdin=stdin,
                max_bytes=_ANSWER,
            )
        except StartFailed as error:
            raise GitFailed(f"git could not be started: {error.message}") from error

    def text(self, *arguments: str, **how: object) -> str:
        """Return what git prints, as text."""
        return self.run(*arguments, **how).decode("utf-8", "replace").strip()  # type: ignore[arg-type] # run's own

    def has(self, commit: str) -> bool:
        """Tell whether a commit is here."""
        return self.attempt("cat-file", "-e", f"{commit}^{{commit}}").ok


#: How git says that it did not get through, or that GitHub is out of order.
_AWAY = (
    "could not resolve host",
    "failed to connect",
    "couldn't connect",
    "connection refused",
    "connection reset",
    "connection timed out",
    "operation timed out",
    "empty reply",
    "recv failure",
    "recv error",
    "tls packet",
    "rpc failed",
    "early eof",
    "the remote end hung up",
    "error: 429",
    "error: 500",
    "error: 502",
    "error: 503",
    "error: 504",
)
#: How it says that GitHub did answer, whatever else it says then.
_REFUSED = ("error: 401", "error: 403", "error: 404")


def failure(verb: str, done: Completed) -> GitFailed:
    """Return the error for how git ended."""
    said = " ".join(done.stderr.decode("utf-8", "replace").split())[:300]
    if done.exit is None:
        return GitAway(f"git {verb} took too long")
    refused = any(sign in said.lower() for sign in _REFUSED)
    if not refused and any(sign in said.lower() for sign in _AWAY):
        return GitAway(f"git {verb}: {said}")
    return GitFailed(f"git {verb}: {said or f'ended with {done.exit.code}'}")
