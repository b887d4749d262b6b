"""A GitHub of one's own: behind an authority that only this network trusts, or behind a proxy."""

import os
import ssl
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
import trustme

from app.github import api_errors
from app.github.access import AppAccess, Scope
from app.github.client import Client
from app.github.git import GitFailed, network
from app.github.mirror import Mirrors, Remote, Start
from tests.fakes.github import git_http
from tests.fakes.github.server import FakeGitHub
from tests.fakes.github.state import Repository
from tests.integration.github.conftest import TIMEOUTS

MOST = 50 * 1024**2


@pytest.fixture
def authority(tmp_path: Path) -> Path:
    """The file of the authority that signed the server's certificate."""
    return tmp_path / "authority.pem"


@pytest.fixture
def enterprise(tmp_path: Path, authority: Path) -> Iterator[FakeGitHub]:
    """A stand-in that speaks TLS."""
    signer = trustme.CA()
    signer.cert_pem.write_to_path(authority)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    signer.issue_cert("127.0.0.1").configure_cert(context)
    with FakeGitHub(tmp_path / "enterprise", tls=context) as running:
        yield running


def _fetched(github: FakeGitHub, hello: Repository, token: str, data: Path) -> bool:
    """Make a copy of the repository as control does; whether the commit is there."""
    sha = git_http.head(hello.path, "main") or ""
    remote = Remote(hello.id, hello.full_name, f"{github.git_url}/{hello.full_name}.git", token)
    with Mirrors(data, most=MOST, way=network(os.environ)).open(remote) as mirror:
        mirror.fetch(Start("agent/issue-1-x", sha, "main"))
        return mirror.git.has(sha)


def test_an_authority_of_ones_own_is_trusted_by_api_and_git(
    enterprise: FakeGitHub, authority: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One variable of the environment says it to both."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority))
    hello = enterprise.add_repository("octo/hello", {"README.md": "Hello\n"})
    access = AppAccess(enterprise.app_id, enterprise.app_key, enterprise.api_url, timeouts=TIMEOUTS)

    client = Client(access.api(hello.full_name, Scope.READ), hello.full_name)

    assert client.repository().default_branch == "main"
    assert _fetched(enterprise, hello, access.token(hello.full_name, Scope.READ), tmp_path / "data")


def test_a_stranger_gets_no_token(enterprise: FakeGitHub, tmp_path: Path) -> None:
    """Neither API nor git speaks to a server that nobody here vouches for; the sentences say why."""
    hello = enterprise.add_repository("octo/hello", {"README.md": "Hello\n"})
    access = AppAccess(enterprise.app_id, enterprise.app_key, enterprise.api_url, timeouts=TIMEOUTS)

    with pytest.raises(api_errors.Unreachable, match=r"not trusted here.*REQUESTS_CA_BUNDLE"):
        access.token(hello.full_name, Scope.READ)
    with pytest.raises(GitFailed, match="certificate"):
        _fetched(enterprise, hello, "a-token", tmp_path / "data")
    assert enterprise.calls == []


class _Proxy(BaseHTTPRequestHandler):
    """Notes what it is asked for, and has no way out."""

    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        self.send_error(502)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_git_goes_through_the_proxy_of_the_environment(
    github: FakeGitHub,
    access: AppAccess,
    hello: Repository,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As GitHub's API does, and past it to whom NO_PROXY names."""
    asked: list[str] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Proxy,), {"asked": asked}))
    thread = Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    token = access.token(hello.full_name, Scope.READ)
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{server.server_port}")
    try:
        with pytest.raises(GitFailed, match="502"):
            _fetched(github, hello, token, tmp_path / "data")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        assert _fetched(github, hello, token, tmp_path / "data")
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

    assert {path.partition("?")[0] for path in asked} == {f"{github.git_url}/octo/hello.git/info/refs"}
