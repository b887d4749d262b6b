"""Bodies of webhooks: what is read, what is refused, and what makes two the same."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import Invalid, TooLarge
from app.webhooks.errors import BadBody, BodyTooLarge, WrongType
from app.webhooks.payload import LARGEST, dedupe_key, read_payload

JSON, FORM, TEXT = "application/json", "application/x-www-form-urlencoded", "text/plain"


@pytest.mark.parametrize(
    ("body", "kind", "found"),
    [
        (b'{"a": 1}', JSON, {"a": 1}),
        (b'{"a": 1}', "Application/JSON; charset=utf-8", {"a": 1}),
        (b'{"a": 1}', "application/cloudevents+json", {"a": 1}),
        (b"a=1&b=x+y&b=%C3%A4&c=", FORM, {"a": "1", "b": ["x y", "ä"], "c": ""}),
        ("grüße".encode(), TEXT, "grüße"),
    ],
)
def test_three_kinds_are_read(body: bytes, kind: str, found: Any) -> None:
    """JSON, forms, text."""
    assert read_payload(body, kind) == found


@pytest.mark.parametrize(
    ("body", "kind", "error"),
    [
        (b"[]", JSON, BadBody),
        (b"", JSON, BadBody),
        (b'{"a": NaN}', JSON, BadBody),
        (b'{"a": 1, "a": 2}', JSON, BadBody),
        (b'{"a": "\\ud800"}', JSON, BadBody),
        (b'{"a":' + b"[" * 100 + b"]" * 100 + b"}", JSON, BadBody),
        (b'{"a":' + b"[" * 200_000, JSON, BadBody),
        (b"\xff", TEXT, BadBody),
        (b"\xff=1", FORM, BadBody),
        (b"a=%FF", FORM, BadBody),
        (b"&".join(b"a%d=1" % n for n in range(2000)), FORM, BadBody),
        (b"x" * (LARGEST + 1), TEXT, BodyTooLarge),
        (b"{}", "", WrongType),
        (b"{}", "application/xml", WrongType),
        (b"{}", "multipart/form-data", WrongType),
    ],
    ids=lambda given: repr(given)[:30],
)
def test_what_cannot_be_read_is_refused(body: bytes, kind: str, error: type[Exception]) -> None:
    """With the right kind of error, and at once."""
    with pytest.raises(error):
        read_payload(body, kind)


@given(st.binary(max_size=200), st.sampled_from([JSON, FORM, TEXT]))
def test_nothing_else_comes_out(body: bytes, kind: str) -> None:
    """Whatever the bytes are."""
    with suppress(Invalid, TooLarge):
        read_payload(body, kind)


def key(dedupe: str, payload: Any, body: bytes = b"body", **headers: str) -> tuple[str, bool]:
    """Return the key of a delivery."""
    return dedupe_key(dedupe, payload, headers.get, body)


def test_doubles_share_what_the_webhook_says() -> None:
    """A value of the payload or a header; a number is not its text."""
    assert key("id", {"id": 1}, b"one") == key("id", {"id": 1}, b"two")
    assert key("id", {"id": 1}) != key("id", {"id": "1"})
    assert key("a.0.id", {"a": [{"id": "x"}]})[1]
    assert key("header:Id", {}, b"one", Id="7") == key("header:Id", {}, b"two", Id="7")
    assert key("header:Id", {}, Id="7") != key("header:Id", {}, Id="8")


@pytest.mark.parametrize("payload", [{}, {"id": None}, {"id": ""}, {"id": {"x": 1}}, {"id": []}])
def test_without_it_the_body_tells(payload: Any) -> None:
    """So that deliveries that lack the value are not all the same one; nor is a body a value."""
    found = key("id", payload, b"one")

    assert found == key("", payload, b"one")
    assert found[1] is False
    assert found != key("id", payload, b"two")
    assert key("id", {"id": "one"})[0] != key("", {}, b"str:one")[0]
