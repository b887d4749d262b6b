"""What GitHub always sends and Errand can do without: a server that speaks its API may send less."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from app.domain.trigger import Account, Trigger
from app.github.answers import read
from app.github.api import Api
from app.github.client import Client
from app.github.delivery import read_delivery
from app.github.payload import NAMED, UNDATED, Comment, Issue, Lenient, RepositoryName, User
from app.github.pull_text import co_author
from app.github.rules import Rules
from app.github.triggers import read_trigger
from tests.fakes.github.deliveries import SHA, encode

MONA: Mapping[str, Any] = {"login": "mona"}
COMMENT: Mapping[str, Any] = {"id": 900, "body": "@agent go", "user": MONA}
NAMES: Mapping[str, Any] = {"name": "hello", "owner": {"login": "octo"}}


def _asks(event: str, action: str, **parts: Any) -> Trigger:
    payload = {"action": action, "repository": NAMES, "sender": MONA, **parts}
    delivery = read_delivery(
        delivery_id="d-1", event=event, content_type="application/json", body=encode(payload)
    )
    found = read_trigger(delivery, Rules())
    assert isinstance(found, Trigger)
    return found


def _pull(head: Mapping[str, Any] | None) -> dict[str, Any]:
    return {"number": 2, "head": {"ref": "topic", "sha": SHA, "repo": head}, "base": {"ref": "main"}}


def test_a_payload_of_names_and_words_asks() -> None:
    """No ids, no times, no title: names and numbers say what it is about."""
    found = _asks("issue_comment", "created", issue={"number": 1}, comment=COMMENT)
    again = _asks("issue_comment", "created", issue={"number": 1}, comment=COMMENT)

    assert (found.instruction, found.thread.repository, found.thread.number) == ("go", "octo/hello", 1)
    opened = {"number": 3, "title": "@agent go", "user": MONA}
    assert found.at == UNDATED
    assert found.key == again.key
    assert _asks("issues", "opened", issue=opened).instruction == "go"
    assert _asks("issues", "labeled", issue={"number": 3}, label={"name": "agent"}).label == "agent"


@pytest.mark.parametrize(
    ("head", "is_ours"),
    [
        ({"full_name": "Octo/hello"}, True),
        (NAMES, True),
        ({"id": 5, "full_name": "octo/hello"}, True),
        ({"full_name": "evil/hello"}, False),
        ({"id": 5, "full_name": "evil/hello"}, False),
        (None, False),
    ],
)
def test_without_ids_the_names_tell_a_fork(head: Mapping[str, Any] | None, is_ours: bool) -> None:  # noqa: FBT001 - a row of the table
    """What nobody knows to be the same repository is another."""
    found = _asks("pull_request_review", "submitted", pull_request=_pull(head), review=COMMENT)

    assert found.head is not None
    assert (found.head.repository_id == found.thread.repository_id) is is_ours


def test_names_are_not_mixed_up_with_real_ids() -> None:
    """The same name in another case is the same account; no id of GitHub's is so large."""
    mona, other = read(User, {"login": "Mona"}), read(User, {"login": "lisa"})

    assert mona.id == read(User, MONA).id != other.id
    assert NAMED <= mona.id < 2**53
    assert co_author(Account(id=mona.id, login="mona")).endswith("<mona@users.noreply.github.com>")
    assert co_author(Account(id=7, login="mona")).endswith("<7+mona@users.noreply.github.com>")


@pytest.mark.parametrize(
    ("form", "answer"),
    [
        (Comment, {"id": 1, "body": "x"}),
        (Issue, {"number": 1}),
        (RepositoryName, {"full_name": "octo/hello"}),
        (User, {"login": "mona"}),
    ],
)
def test_short_answers_are_read(form: type[Lenient], answer: Mapping[str, Any]) -> None:
    """What is missing is not what it depends on."""
    read(form, answer)


def test_what_was_not_dated_was_not_edited() -> None:
    """A comment that says when it was made and no more is as it was made."""
    made = read(Comment, {**COMMENT, "created_at": "2026-11-20T10:00:00Z"})

    assert made.updated_at == made.created_at == datetime(2026, 11, 20, 10, tzinfo=UTC)


class _Answers:
    """Gives the same answer to every call."""

    def __init__(self, answer: object) -> None:
        self._answer = answer

    def call(self, verb: str, path: str, **asked: object) -> object:  # noqa: ARG002 - as Api's
        """Return it."""
        return self._answer

    def pages(self, path: str, **asked: object) -> object:  # noqa: ARG002 - as Api's
        """Return its items."""
        return self._answer


def test_short_answers_of_calls_are_read() -> None:
    """A repository is called what was asked for; a file's lines are not counted; the branch is looked for."""
    pulls = [{"number": 1, "head": {"ref": "other"}}, {"number": 2, "head": {"ref": "mine"}}]
    repository = Client(cast("Api", _Answers({"name": "hello"})), "octo/hello").repository()
    files = Client(cast("Api", _Answers([{"filename": "a"}])), "octo/hello").files(2)

    everybodys = Client(cast("Api", _Answers(pulls)), "octo/hello")
    assert (everybodys.find_pull("mine", owner="octo"), everybodys.find_pull("x", owner="octo")) == (2, None)
    assert (repository.full_name, repository.default_branch) == ("octo/hello", None)
    assert [file.path for file in files] == ["a"]
