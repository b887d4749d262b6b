"""Payloads as GitHub sends them, made from a few words; and the examples that octokit has collected."""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

from app.github.signature import signature

Json = dict[str, Any]

SECRET = "a-webhook-secret-of-some-length"
AT = "2026-11-20T10:00:00Z"
LATER = "2026-11-20T11:00:00Z"
SHA = "ec26c3e57ca3a959ca5aad62de7213c562f8c821"
_EXAMPLES = Path(__file__).with_name("payloads.jsonl")


@cache
def examples() -> tuple[tuple[str, Json], ...]:
    """Return every event's examples: its name and a payload."""
    lines = map(json.loads, _EXAMPLES.read_text().splitlines())
    return tuple((line["event"], line["payload"]) for line in lines)


def headers(event: str, body: bytes, *, delivery: str | None = None, secret: str = SECRET) -> dict[str, str]:
    """Return the headers of a signed Delivery."""
    return {
        "Content-Type": "application/json",
        "User-Agent": "GitHub-Hookshot/044aadd",
        "X-GitHub-Event": event,
        "X-GitHub-Delivery": delivery or str(uuid4()),
        "X-Hub-Signature-256": signature(secret, body),
    }


def encode(payload: Json) -> bytes:
    """Return the payload as GitHub writes it."""
    return json.dumps(payload, separators=(",", ":"), ensure_ascii=False).encode()


def user(login: str = "mona", *, number: int = 7, kind: str = "User") -> Json:
    """Return an account."""
    return {"id": number, "login": login, "type": kind}


REPOSITORY: Json = {"id": 101, "full_name": "octo/hello", "default_branch": "main", "private": False}


def envelope(action: str, sender: Json | None, **parts: Any) -> Json:
    """Return a payload with what every event has."""
    return {"action": action, "repository": REPOSITORY, "sender": sender or user(), **parts}


def _issue(number: int, title: str, body: str | None, author: Json, *, pull: bool) -> Json:
    issue = {
        "id": 5000 + number,
        "number": number,
        "title": title,
        "body": body,
        "user": author,
        "state": "open",
        "created_at": AT,
        "updated_at": LATER,
    }
    return {**issue, "pull_request": {"url": "x"}} if pull else issue


def pull(number: int = 3, *, title: str = "A change", body: str = "", author: Json | None = None) -> Json:
    """Return a pull request of this repository's own branch."""
    repo = {"id": REPOSITORY["id"], "full_name": REPOSITORY["full_name"]}
    return {
        **_issue(number, title, body, author or user(), pull=False),
        "head": {"ref": "topic", "sha": SHA, "repo": repo},
        "base": {"ref": "main", "sha": SHA[::-1], "repo": repo},
    }


def issues(
    action: str = "opened",
    *,
    title: str = "It breaks",
    body: str | None = "",
    sender: Json | None = None,
    **parts: Any,
) -> Json:
    """Return the payload of `issues`."""
    author = parts.pop("author", sender or user())
    return envelope(action, sender, issue=_issue(1, title, body, author, pull=False), **parts)


def comment(
    body: str, *, action: str = "created", sender: Json | None = None, on_pull: bool = False, **parts: Any
) -> Json:
    """Return the payload of `issue_comment`."""
    author = parts.pop("author", sender or user())
    said = {"id": 900, "body": body, "user": author, "created_at": AT, "updated_at": LATER}
    issue = _issue(3 if on_pull else 1, "It breaks", "Every time.", user("reporter", number=8), pull=on_pull)
    return envelope(action, sender, issue=issue, comment={**said, "id": parts.pop("number", 900)}, **parts)


def review(body: str | None, *, action: str = "submitted", sender: Json | None = None, **parts: Any) -> Json:
    """Return the payload of `pull_request_review`."""
    said = {"id": 70, "body": body, "user": sender or user(), "state": "commented", "submitted_at": LATER}
    return envelope(action, sender, pull_request=pull(), review={**said, "commit_id": SHA}, **parts)


def line_comment(
    body: str, *, number: int = 800, reply_to: int | None = None, author: Json | None = None
) -> Json:
    """Return a review comment as payloads and the API have it."""
    return {
        "id": number,
        "body": body,
        "user": author or user(),
        "created_at": AT,
        "updated_at": AT,
        "path": "src/app.py",
        "line": 12,
        "original_line": 12,
        "side": "RIGHT",
        "diff_hunk": "@@ -1 +1 @@\n-a\n+b",
        "in_reply_to_id": reply_to,
        "pull_request_review_id": 70,
    }


def review_comment(body: str, *, action: str = "created", sender: Json | None = None, **parts: Any) -> Json:
    """Return the payload of `pull_request_review_comment`."""
    said = line_comment(
        body, author=sender, number=parts.pop("number", 800), reply_to=parts.pop("reply_to", None)
    )
    return envelope(action, sender, pull_request=pull(), comment=said, **parts)


def check_suite(*, conclusion: str = "failure", branch: str = "agent/issue-1-x", **parts: Any) -> Json:
    """Return the payload of `check_suite.completed`."""
    pulls = [{"id": 5003, "number": 3, "head": {"ref": branch, "sha": SHA}}]
    suite = {
        "id": 60,
        "conclusion": conclusion,
        "head_sha": SHA,
        "head_branch": branch,
        "pull_requests": pulls,
        "updated_at": LATER,
        **parts,
    }
    return envelope("completed", user("github-actions[bot]", kind="Bot"), check_suite=suite)


_WRONG: tuple[object, ...] = (
    *(1, [], "x", None, True),
    *({"id": "x"}, {"id": 2**70, "login": "a"}, {"full_name": "../x", "id": 1}),
)


def hostile() -> Iterator[bytes]:
    """Yield signed nonsense: no payload of any event."""
    yield from (b"", b"[]", b"null", b'"x"', b"1", b"{", b"{}", b"not json", b"\xff\xfe{}", b'{"a": NaN}')
    yield b'{"a": ' * 10_000 + b"1" + b"}" * 10_000
    yield b"[" * 900 + b"]" * 900
    yield b'{"a": ' * 990 + b"1" + b"}" * 990
    yield b'{"action": "created", "action": "deleted"}'
    yield rb'{"action": "\ud800", "repository": "\udfff"}'
    yield b'{"n": ' + b"9" * 100_000 + b"}"
    yield b'{"a": [' + b"[]," * 1_000_000 + b"[]]}"
    for missing in ("comment", "repository", "sender", "issue"):
        yield encode({key: value for key, value in comment("@agent go").items() if key != missing})
    for wrong in _WRONG:
        for part in ("comment", "repository", "sender", "issue"):
            yield encode({**comment("@agent go"), part: wrong})
