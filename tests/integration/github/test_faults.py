"""What goes wrong at GitHub is one of seven errors, in bounded time, and no token is in any of them."""

import logging
import socket
import time
import traceback
from collections.abc import Callable, Mapping
from datetime import timedelta

import pytest

from app.clock import utcnow
from app.github import api_errors
from app.github.access import AppAccess, Scope, TokenAccess
from app.github.client import Client
from app.github.marker import marker
from tests.fakes.github.server import FakeGitHub
from tests.fakes.github.state import Repository

#: Short enough to wait for, and longer than answers take.
TIMEOUTS = (3.0, 3.0)
#: Seconds that are told from them.
SILENCE = 4.5
LIMIT = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
PRIMARY = {
    "X-RateLimit-Remaining": "0",
    "X-RateLimit-Reset": "2000000000",
    "Date": "Wed, 18 May 2033 03:31:40 GMT",
}


@pytest.fixture
def timeouts() -> tuple[float, float]:
    """Little patience."""
    return TIMEOUTS


@pytest.mark.parametrize(
    ("what", "error", "retry_after"),
    [
        ({"status": 403, "message": "Resource not accessible"}, api_errors.NotPermitted, None),
        ({"status": 403, "message": LIMIT, "headers": {"Retry-After": "33"}}, api_errors.RateLimited, 33),
        ({"status": 403, "message": LIMIT}, api_errors.RateLimited, 60),
        (
            {"status": 403, "message": "API rate limit exceeded", "headers": PRIMARY},
            api_errors.RateLimited,
            101,
        ),
        ({"status": 429, "headers": {"Retry-After": "soon"}}, api_errors.RateLimited, 60),
        ({"status": 429, "headers": {"Retry-After": "1e999"}}, api_errors.RateLimited, 86_400),
        ({"status": 503, "headers": {"Retry-After": "9999999999999"}}, api_errors.Unreachable, 86_400),
        ({"status": 403, "headers": {**PRIMARY, "Date": "today"}}, api_errors.RateLimited, 60),
        (
            {"status": 403, "headers": {**PRIMARY, "X-RateLimit-Reset": "9999999999999"}},
            api_errors.RateLimited,
            86_400,
        ),
        ({"status": 307, "headers": {"Location": "http://127.0.0.1:1/"}}, api_errors.NotThere, None),
        ({"status": 301, "headers": {"Location": "http://elsewhere.test/"}}, api_errors.Unreachable, None),
        ({"status": 404}, api_errors.NotThere, None),
        ({"status": 410}, api_errors.NotThere, None),
        ({"status": 422, "message": "Validation Failed"}, api_errors.Unprocessable, None),
        ({"status": 409}, api_errors.Unprocessable, None),
        ({"status": 502}, api_errors.OutcomeUnknown, None),
        ({"status": 503, "headers": {"Retry-After": "7"}}, api_errors.Unreachable, 7),
        ({"drops": True}, api_errors.OutcomeUnknown, None),
        ({"delay": SILENCE, "drops": True}, api_errors.OutcomeUnknown, None),
    ],
)
def test_gh_03_each_refusal_is_its_own_error(
    github: FakeGitHub,
    replier: Client,
    what: dict[str, object],
    error: type[Exception],
    retry_after: float | None,
) -> None:
    """GH-03: the error says whether and when to try again; the call itself is made once."""
    github.fail("POST", "/comments", **what)
    began = time.monotonic()

    with pytest.raises(api_errors.GitHubError) as caught:
        replier.create_comment(1, "x")

    assert type(caught.value) is error
    assert caught.value.retry_after == retry_after
    assert time.monotonic() - began < 15
    assert len(github.asked("POST", "/issues/1/comments")) == 1


@pytest.mark.parametrize("what", [{"status": 502}, {"drops": True}, {"delay": SILENCE, "drops": True}])
def test_what_only_reads_has_no_unknown_outcome(
    github: FakeGitHub, reader: Client, what: dict[str, object]
) -> None:
    """Reading again harms nobody, so it is only unreachable."""
    github.fail("GET", "/issues/1$", **what)

    with pytest.raises(api_errors.Unreachable):
        reader.issue(1)


@pytest.mark.parametrize("what", [{"drops": True}, {"delay": SILENCE}, {"status": 502}])
def test_gh_02_a_comment_that_was_posted_in_silence_is_found(
    github: FakeGitHub, replier: Client, what: dict[str, object]
) -> None:
    """GH-02: GitHub made it and did not say so; who looks before posting again makes no second."""
    github.fail("POST", "/comments", after=True, **what)

    with pytest.raises(api_errors.OutcomeUnknown):
        replier.create_comment(1, f"{marker('t-1')} words")

    assert (
        replier.find_comment(1, "t-1", own_login=github.app_login, since=utcnow() - timedelta(hours=1))
        is not None
    )


def test_nobody_there_is_unreachable() -> None:
    """A port that nobody listens on: certainly nothing was done, even by a POST."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    access = TokenAccess("ghp_" + "a1" * 18, f"http://127.0.0.1:{port}", timeouts=TIMEOUTS)

    with pytest.raises(api_errors.Unreachable):
        Client(access.api("octo/hello", Scope.REPLY), "octo/hello").create_comment(1, "x")


@pytest.mark.parametrize("text", ["<html>", "[]", '{"id": "x"}', "{}"])
def test_an_odd_answer_is_an_error_like_others(
    github: FakeGitHub, reader: Client, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    """What stands before GitHub sometimes answers 200 with a page of its own."""
    monkeypatch.setattr(github, "answer", lambda *_: (200, text))

    for call in (reader.repository, lambda: reader.issue(1), lambda: reader.pull(2)):
        with pytest.raises(api_errors.GitHubError):
            call()


def test_gh_06_a_locked_issue_takes_no_comment(hello: Repository, replier: Client) -> None:
    """GH-06: refused for good, in GitHub's own words."""
    hello.issues[1]["locked"] = True

    with pytest.raises(api_errors.NotPermitted, match="issue is locked"):
        replier.create_comment(1, "x")


def test_gh_06_a_deleted_issue_takes_no_comment(hello: Repository, replier: Client) -> None:
    """GH-06: it is not there any more."""
    del hello.issues[1]

    with pytest.raises(api_errors.NotThere):
        replier.create_comment(1, "x")


def test_a_token_can_do_no_more_than_its_scope(
    github: FakeGitHub, hello: Repository, reader: Client, pusher: Client
) -> None:
    """What reads does not answer, what pushes opens no check; and another repository is not there."""
    github.add_repository("octo/other", {"README.md": "x"})

    with pytest.raises(api_errors.NotPermitted):
        reader.create_comment(1, "x")
    with pytest.raises(api_errors.NotPermitted):
        pusher.add_check(
            name="x",
            sha=hello.pulls[2]["head"]["sha"],
            link=None,
            external_id="x",
            conclusion="success",
            title="x",
            summary="x",
        )
    with pytest.raises(api_errors.NotThere):
        Client(reader._api, "octo/other").issue(1)


def test_no_token_is_in_errors_or_logs(
    github: FakeGitHub, hello: Repository, access: AppAccess, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever goes wrong, and however much is logged: neither token nor key."""
    caplog.set_level(logging.DEBUG)
    told: list[str] = []
    token = access.token(hello.full_name, Scope.REPLY)
    client = Client(access.api(hello.full_name, Scope.REPLY), hello.full_name)
    refusals = [{"status": status, "message": f"no {token}"} for status in (403, 404, 422, 500)]
    unknown = {"status": 401, "message": f"no {token}", "times": 2}
    faults: list[Mapping[str, object]] = [unknown, *refusals, {"drops": True}, {"delay": SILENCE}]
    for what in faults:
        github.fail("POST", "/comments", **what)
        told.append(_told(lambda: client.create_comment(1, "x")))
    github.fail("POST", "/access_tokens", status=500)
    told.append(_told(lambda: access.api(hello.full_name, Scope.PUSH)))

    whole = "\n".join([*told, caplog.text])
    assert [
        secret for secret in (token, github.app_key, *github.app_key.splitlines()[1:-1]) if secret in whole
    ] == []
    assert "Bearer ey" not in whole


def _told(call: Callable[[], object]) -> str:
    try:
        call()
    except api_errors.GitHubError as error:
        return f"{error!r} {error.message} {''.join(traceback.format_exception(error))}"
    raise AssertionError("nothing went wrong")
