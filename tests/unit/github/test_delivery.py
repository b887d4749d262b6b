"""Whatever the bytes are, they become a Delivery or one of three refusals."""

import tracemalloc
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.trigger import Ignored, Trigger
from app.github.delivery import REQUIRED, Delivery, read_delivery
from app.github.errors import BadPayload, PayloadTooLarge, UnsupportedType
from app.github.json_body import LARGEST
from app.github.rules import Rules
from app.github.triggers import read_trigger
from tests.fakes.github.deliveries import comment, encode, examples, hostile

EVENTS = [*REQUIRED, "ping", "installation", "star"]


def _read(body: bytes, event: str = "issue_comment", content_type: str = "application/json") -> Delivery:
    return read_delivery(delivery_id="d-1", event=event, content_type=content_type, body=body)


@pytest.mark.parametrize("number", range(len(examples())))
def test_every_example_is_read(number: int) -> None:
    """None of GitHub's own payloads is refused, and each asks for something or says why not."""
    event, payload = examples()[number]
    rules = Rules(own_login="octo-bot", assignment=True, failed_checks=True, branch_prefix="")

    delivery = _read(encode(payload), event)

    assert delivery.event == event
    assert delivery.action == payload.get("action")
    assert (delivery.repository.id if delivery.repository else None) == (payload.get("repository") or {}).get(
        "id"
    )
    assert isinstance(read_trigger(delivery, rules), Trigger | Ignored)


def test_wh_08_nonsense_is_refused() -> None:
    """WH-08: no nonsense is a Delivery of an event that is read, and none is another exception."""
    for body in hostile():
        with pytest.raises(BadPayload):
            _read(body)


@pytest.mark.parametrize("event", EVENTS)
def test_wh_08_nonsense_of_every_event_is_refused_or_harmless(event: str) -> None:
    """WH-08: as above for the other events; what is not read may say what it likes."""
    for body in list(hostile())[:10]:
        try:
            delivery = _read(body, event)
        except BadPayload:
            continue
        assert delivery.payload is None


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    """Bytes that nobody thought of are no exception either."""
    for content_type in ("application/json", "application/x-www-form-urlencoded", "text/plain"):
        try:
            _read(body, "star", content_type)
        except (BadPayload, UnsupportedType):
            continue


def test_a_body_of_many_values_costs_little() -> None:
    """25 MB of empty lists are refused before they become half a gigabyte."""
    body = b'{"a": [' + b"[]," * ((LARGEST - 20) // 3) + b"[]]}"
    tracemalloc.start()

    with pytest.raises(BadPayload):
        _read(body)

    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10_000_000


def test_wh_07_a_body_over_the_limit_is_refused() -> None:
    """WH-07: one byte more than GitHub sends is too many."""
    with pytest.raises(PayloadTooLarge):
        _read(b" " * (LARGEST + 1))


def test_wh_19_a_form_is_read_like_json() -> None:
    """WH-19: the content type that GitHub calls form is the same payload in a field."""
    body = encode(comment("@agent a+b & c=d; 🙂"))
    form = urlencode({"payload": body.decode()}).encode()

    assert _read(form, content_type="application/x-www-form-urlencoded; charset=utf-8") == _read(body)


@pytest.mark.parametrize(
    "form", [b"", b"payload=", b"x=1", b"payload=%7B%7D&payload=%7B%7D", b"&" * 50, b"%ff=%ff"]
)
def test_wh_19_another_form_is_refused(form: bytes) -> None:
    """WH-19: a form without one payload is no payload."""
    with pytest.raises(BadPayload):
        _read(form, content_type="application/x-www-form-urlencoded")


@pytest.mark.parametrize(
    "content_type", ["", "text/plain", "application/xml", "application/jsonx", "multipart/form-data"]
)
def test_other_types_are_unsupported(content_type: str) -> None:
    """Only GitHub's two types are read, so that no page can post one by itself."""
    with pytest.raises(UnsupportedType):
        _read(encode(comment("@agent go")), content_type=content_type)


@pytest.mark.parametrize(
    ("event", "delivery_id"),
    [(None, "d"), ("", "d"), ("../x", "d"), ("issues", None), ("issues", ""), ("issues", "a b")],
)
def test_headers_are_names(event: str | None, delivery_id: str | None) -> None:
    """What names an event and a Delivery goes to rows and pages, so it is a name."""
    with pytest.raises(BadPayload):
        read_delivery(delivery_id=delivery_id, event=event, content_type="application/json", body=b"{}")


def test_a_refusal_does_not_repeat_what_was_sent() -> None:
    """The sentence names the field and not its value, which may be a secret sent to the wrong place."""
    payload = comment("@agent go")
    payload["comment"]["created_at"] = "hunter2-hunter2"

    with pytest.raises(BadPayload) as caught:
        _read(encode(payload))

    assert "comment.created_at" in caught.value.message
    assert "hunter2" not in caught.value.message
