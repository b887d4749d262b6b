"""Signatures and bearers of generic webhooks."""

import hashlib
import hmac

import pytest

from app.webhooks.errors import NotSigned
from app.webhooks.signing import signature, verify

BODY, OLD, NEW = b'{"a": 1}', "whs_the-old-secret-0123456789", "whs_the-new-secret-0123456789"


def check(headers: dict[str, str], *, bearer: bool = False) -> None:
    """Verify BODY with these headers."""
    verify(BODY, headers.get, (NEW, OLD), bearer=bearer)


def test_it_is_what_everybody_computes() -> None:
    """HMAC-SHA256 over the bytes, in hex."""
    assert signature(NEW, BODY) == "sha256=" + hmac.new(NEW.encode(), BODY, hashlib.sha256).hexdigest()


@pytest.mark.parametrize("secret", [OLD, NEW])
@pytest.mark.parametrize("name", ["X-Errand-Signature", "X-Hub-Signature-256"])
def test_each_secret_and_each_header_will_do(secret: str, name: str) -> None:
    """While one takes the other's place."""
    check({name: signature(secret, BODY)})


def test_the_secret_itself_will_do_where_that_was_chosen() -> None:
    """And nowhere else."""
    check({"Authorization": f"Bearer {OLD}"}, bearer=True)
    with pytest.raises(NotSigned):
        check({"Authorization": f"Bearer {OLD}"})


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Errand-Signature": ""},
        {"X-Errand-Signature": signature(NEW, BODY).upper()},
        {"X-Errand-Signature": signature(NEW, BODY)[:-1]},
        {"X-Errand-Signature": signature(NEW, BODY) + "\n"},
        {"X-Errand-Signature": signature(NEW, BODY + b" ")},
        {"X-Errand-Signature": signature("whs_another", BODY)},
        {"X-Errand-Signature": "sha1=" + "0" * 40},
        {"X-Errand-Signature": "sha256=" + "ä" * 64},
        {"X-Errand-Signature": "", "X-Hub-Signature-256": signature(NEW, BODY)},
        {"Authorization": f"Basic {NEW}"},
        {"Authorization": "Bearer "},
        {"Authorization": f"Bearer {NEW} "},
        {"Authorization": "Bearer \udcff"},
        {"Authorization": f"Bearer {NEW}", "X-Errand-Signature": "sha256=" + "0" * 64},
    ],
)
def test_anything_else_will_not(headers: dict[str, str]) -> None:
    """A wrong signature is wrong whatever else came along."""
    with pytest.raises(NotSigned):
        check(headers, bearer=True)
