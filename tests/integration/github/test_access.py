"""Tokens for one repository each, made when they are needed and made anew before they end."""

import base64
import threading
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from app.github import api_errors
from app.github.access import PERMISSIONS, AppAccess, InvalidAppKey, Scope, TokenAccess, read_app_key
from app.github.app_info import app_info, last_sent, missing, own_account
from app.github.client import Client
from app.github.identity import access_of
from app.github.mirror import Mirrors, Remote
from app.github.setup import wanted_permissions
from app.settings import Settings
from tests.fakes.github import git_http
from tests.fakes.github.server import FakeGitHub
from tests.fakes.github.state import Repository


def test_a_token_is_made_once_per_repository_and_scope(
    github: FakeGitHub, hello: Repository, access: AppAccess
) -> None:
    """Also where several threads need it at once; and it asks for the least there is."""
    threads = [
        threading.Thread(target=access.api, args=(hello.full_name, scope))
        for scope in Scope
        for _ in range(5)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    asked = github.asked("POST", "access_tokens")
    assert sorted(str(one.body["permissions"]) for one in asked) == sorted(
        str(dict(p)) for p in PERMISSIONS.values()
    )
    assert {tuple(one.body["repositories"]) for one in asked} == {("hello",)}


def test_workflows_may_be_changed_where_that_was_set(github: FakeGitHub, hello: Repository) -> None:
    """GitHub has a permission for it: what pushes asks for that then, and nothing else."""
    github.permissions["workflows"] = "write"
    settings = Settings(
        _env_file=None,
        github_app_id=github.app_id,
        github_app_private_key=SecretStr(github.app_key),
        github_api_url=github.api_url,
        github_workflows=True,
    )
    access = access_of(settings)
    assert access is not None

    for scope in Scope:
        access.token(hello.full_name, scope)

    asked = [one.body["permissions"] for one in github.asked("POST", "access_tokens")]
    assert [one.get("workflows") for one in asked].count("write") == 1
    assert asked[list(Scope).index(Scope.PUSH)]["workflows"] == "write"
    assert wanted_permissions(settings)["workflows"] == "write"
    assert "workflows" not in wanted_permissions(Settings(_env_file=None))


def test_a_token_is_made_anew_before_it_ends(
    github: FakeGitHub, hello: Repository, access: AppAccess
) -> None:
    """Ten minutes before, so that what begins with it ends with it."""
    github.token_seconds = 500
    first = access.token(hello.full_name, Scope.READ)
    github.token_seconds = 3600

    second = access.token(hello.full_name, Scope.READ)

    assert first != second == access.token(hello.full_name, Scope.READ)


def test_a_token_that_github_forgot_is_made_anew(
    github: FakeGitHub, hello: Repository, access: AppAccess
) -> None:
    """Revoked, or the App installed anew: once for all who have it, be it to write; git gets the new one."""
    client = Client(access.api(hello.full_name, Scope.REPLY), hello.full_name)
    dead = access.token(hello.full_name, Scope.REPLY)
    with github.lock:
        github.tokens.clear()
    threads = [threading.Thread(target=client.create_comment, args=(1, "x")) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(hello.of_thread(1)) == 5
    assert len(github.asked("POST", "access_tokens")) == 2
    assert access.token(hello.full_name, Scope.REPLY) != dead


def test_gh_03_a_token_that_helps_as_little_is_the_last(github: FakeGitHub, reader: Client) -> None:
    """GH-03: where GitHub does not know the second one either, that is the error."""
    github.fail("GET", "/issues/1$", status=401, times=9)

    with pytest.raises(api_errors.NotAuthenticated):
        reader.issue(1)
    assert len(github.asked("GET", "/issues/1$")) == 2
    assert len(github.asked("POST", "access_tokens")) == 2


def test_where_the_app_is_not_installed(hello: Repository, access: AppAccess) -> None:
    """There is nothing for us, and the error says so."""
    with pytest.raises(api_errors.NotThere, match="octo/elsewhere/installation"):
        access.api("octo/elsewhere", Scope.READ)
    access.api(hello.full_name, Scope.READ)


def test_a_delivery_says_where_the_app_is_installed(
    github: FakeGitHub, hello: Repository, access: AppAccess
) -> None:
    """Where GitHub does not say it of the repository; a number alone lets nobody in."""
    github.fail("GET", "/installation$", status=404, times=9)
    access.learn(hello.full_name, None)
    with pytest.raises(api_errors.NotThere):
        access.api(hello.full_name, Scope.READ)

    access.learn(hello.full_name, github.installation_id)
    access.learn("octo/elsewhere", github.installation_id)

    client = Client(access.api(hello.full_name, Scope.READ), hello.full_name)
    assert client.repository().id == hello.id
    with pytest.raises(api_errors.GitHubError):
        access.api("octo/elsewhere", Scope.READ)


def test_another_apps_key_is_refused(github: FakeGitHub, hello: Repository) -> None:
    """GitHub does not know who signs."""
    access = AppAccess("1", github.app_key, github.api_url)

    with pytest.raises(api_errors.NotAuthenticated):
        access.api(hello.full_name, Scope.READ)


def test_one_token_serves_for_everything(github: FakeGitHub, hello: Repository) -> None:
    """A PAT is as good as an App, for whoever has none."""
    token = github.add_token("mona")
    access = TokenAccess(token, github.api_url)

    client = Client(access.api(hello.full_name, Scope.PUSH), hello.full_name)

    assert client.create_comment(1, "x").user is not None
    assert own_account(access.api(hello.full_name, Scope.READ)).login == "mona"
    assert access.token(hello.full_name, Scope.PUSH) == token


def test_a_line_end_behind_what_is_set_does_no_harm(github: FakeGitHub, hello: Repository) -> None:
    """As `echo` and editors put it into files: both ways in, and nothing but white space is nothing."""
    token = github.add_token("mona")
    app: dict[str, Any] = {
        "github_app_id": f"{github.app_id}\n",
        "github_app_private_key": f"{github.app_key}\n\n",
    }
    for given in ({"github_token": f" {token}\r\n"}, app):
        access = access_of(Settings(_env_file=None, github_api_url=github.api_url, **given))
        assert access is not None
        assert Client(access.api(hello.full_name, Scope.READ), hello.full_name).issue(1).number == 1

    assert access_of(Settings(_env_file=None, github_token=SecretStr(" \n"))) is None


def test_how_the_app_is_set_up(github: FakeGitHub, hello: Repository, access: AppAccess) -> None:
    """Name, account, what it may do and hear, what it lacks, and what was delivered."""
    github.deliveries = [{"id": 1, "guid": "d-1", "event": "issues", "status": "OK", "status_code": 202}]
    github.permissions["contents"] = "read"

    info = app_info(access.app())

    assert (info.login, info.permissions["contents"]) == (github.app_login, "read")
    wanted = {"contents": "write", "issues": "read", "workflows": "write"}
    assert missing(info, wanted, {"issues", "pull_request_review"}) == [
        "permission contents: write",
        "permission workflows: write",
        "event pull_request_review",
    ]
    assert [(one.guid, one.status_code) for one in last_sent(access.app())] == [("d-1", 202)]
    assert hello.id


def test_a_key_may_be_written_in_three_ways(github: FakeGitHub) -> None:
    """PEM, PEM in one line, or base64, as different hosts ask for it."""
    pem = github.app_key
    one_line = pem.replace("\n", "\\n")

    for given in (pem, one_line, *(base64.b64encode(text.encode()).decode() for text in (pem, one_line))):
        assert read_app_key(f"  {given}\n").strip() == pem.strip()


_BROKEN = "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----"


@pytest.mark.parametrize("text", ["", "x", "/etc/key.pem", _BROKEN, "é"])
def test_what_is_no_key_is_said_so(text: str) -> None:
    """In a sentence that says what to do and does not repeat what was given."""
    with pytest.raises(InvalidAppKey, match="copy the whole file") as caught:
        read_app_key(text)

    assert caught.value.__cause__ is None
    assert not text or text not in caught.value.message


def test_git_comes_in_with_a_token_and_no_other_way(
    github: FakeGitHub, hello: Repository, access: AppAccess, tmp_path: Path
) -> None:
    """Clone with one that reads, push with one that pushes; each does no more."""
    url = f"{github.git_url}/octo/hello.git"

    def arguments(scope: Scope) -> list[str]:
        basic = base64.b64encode(f"x-access-token:{access.token(hello.full_name, scope)}".encode()).decode()
        return ["-c", f"http.extraHeader=Authorization: Basic {basic}"]

    with pytest.raises(git_http.GitFailed):
        git_http.git("clone", "-q", url, "anonymous", at=tmp_path)
    git_http.git(*arguments(Scope.READ), "clone", "-q", url, "work", at=tmp_path)
    work = tmp_path / "work"
    git_http.git("commit", "-q", "--allow-empty", "-m", "Mine", at=work)
    with pytest.raises(git_http.GitFailed):
        git_http.git(*arguments(Scope.READ), "push", "-q", url, "HEAD:refs/heads/mine", at=work)
    git_http.git(*arguments(Scope.PUSH), "push", "-q", url, "HEAD:refs/heads/mine", at=work)

    assert git_http.head(hello.path, "mine") == git_http.git("rev-parse", "HEAD", at=work).strip()


def test_a_push_that_succeeded_in_silence_is_there(
    github: FakeGitHub, hello: Repository, access: AppAccess, tmp_path: Path
) -> None:
    """The connection is cut after git has taken it: who looks at the branch before pushing again knows."""
    basic = base64.b64encode(f"x-access-token:{access.token(hello.full_name, Scope.PUSH)}".encode()).decode()
    header = ["-c", f"http.extraHeader=Authorization: Basic {basic}"]
    url = f"{github.git_url}/octo/hello.git"
    git_http.git(*header, "clone", "-q", url, "work", at=tmp_path)
    github.fail("POST", "git-receive-pack", after=True, drops=True)

    with pytest.raises(git_http.GitFailed):
        git_http.git(*header, "push", "-q", url, "HEAD:refs/heads/mine", at=tmp_path / "work")

    remote = Remote(hello.id, hello.full_name, url, access.token(hello.full_name, Scope.READ))
    tip = git_http.git("rev-parse", "HEAD", at=tmp_path / "work").strip()
    assert Mirrors(tmp_path, most=1024**2).tip(remote, "mine") == tip
