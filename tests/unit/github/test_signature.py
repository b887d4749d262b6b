"""Only bytes that GitHub signed get in."""

import json

import pytest

from app.github.errors import BadSignature, NoSecret
from app.github.signature import signature, verify
from tests.fakes.github.deliveries import SECRET, comment, encode

BODY = encode(comment("@agent gør det 🙂"))
GOOD = signature(SECRET, BODY)


def test_the_documented_example_of_github_verifies() -> None:
    """The secret, body and signature that GitHub's documentation gives for trying one's code."""
    known = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"

    verify(b"Hello, World!", known, ["It's a Secret to Everybody"])


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "sha256=",
        GOOD[:-1],
        f"{GOOD}0",
        f"{GOOD}\n",
        GOOD.upper(),
        GOOD.replace("sha256", "SHA256"),
        GOOD.replace("sha256", "sha1"),
        GOOD.removeprefix("sha256="),
        f"{GOOD},{GOOD}",
        signature("another secret", BODY),
        "sha256=" + "é" * 64,
    ],
)
def test_wh_02_no_other_header_verifies(header: str | None) -> None:
    """WH-02: missing, empty, cut, longer, of another algorithm or of another secret is refused."""
    with pytest.raises(BadSignature):
        verify(BODY, header, [SECRET])


def test_wh_03_one_changed_byte_is_refused() -> None:
    """WH-03: every byte of the body is signed."""
    for at in range(0, len(BODY), 7):
        changed = bytearray(BODY)
        changed[at] ^= 1
        with pytest.raises(BadSignature):
            verify(bytes(changed), GOOD, [SECRET])


def test_wh_04_the_bytes_count_and_not_their_meaning() -> None:
    """WH-04: JSON that means the same but is written otherwise has another signature."""
    escaped = json.dumps(json.loads(BODY), ensure_ascii=True).encode()
    spaced = json.dumps(json.loads(BODY), ensure_ascii=False, indent=1).encode()

    verify(escaped, signature(SECRET, escaped), [SECRET])
    for other in (escaped, spaced):
        with pytest.raises(BadSignature):
            verify(other, GOOD, [SECRET])


@pytest.mark.parametrize("secrets", [[], [""], ["", ""]])
def test_wh_05_without_a_secret_nothing_verifies(secrets: list[str]) -> None:
    """WH-05: not even what was signed with the empty key."""
    with pytest.raises(NoSecret):
        verify(BODY, signature("", BODY), secrets)


def test_the_old_and_the_new_secret_are_good_at_once() -> None:
    """While a secret is replaced, Deliveries signed with either get in, and with no third."""
    for secret in ("old", "new"):
        verify(BODY, signature(secret, BODY), ["new", "old"])
    with pytest.raises(BadSignature):
        verify(BODY, signature("third", BODY), ["new", "old", ""])
