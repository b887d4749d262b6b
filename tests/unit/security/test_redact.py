"""Secrets are found in every form and however the bytes are cut; everything else stays as it was."""

import base64
import json
import random
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest

from app.security.redact import MASK, Redactor

SECRETS = (
    "sécrèt-пароль-🙂-value",
    "abcDEF123456789/+=x",
    "abcDEF123456789/+=xAndMore",
    "x1x1x1x1x1",
    'with"quotes\\and\nlines',
    "a-much-longer-secret-" * 4,
)
WELL_KNOWN = (
    "sk-ant-api03-" + "A1b2_" * 12,
    "ghp_" + "Zz09" * 9,
    "github_pat_" + "Ab1_" * 12,
    "AKIA" + "ABCD1234" * 2,
    f"eyJ{'a' * 20}.eyJ{'b' * 20}.{'c' * 20}",
)
REDACTOR = Redactor(SECRETS)


def _hidden_at(offset: int) -> Callable[[str], str]:
    return lambda secret: base64.b64encode(b"p" * offset + secret.encode() + b"tail").decode()


FORMS: dict[str, Callable[[str], str]] = {
    "as it is": lambda secret: secret,
    "JSON": json.dumps,
    "JSON, not ASCII": lambda secret: json.dumps(secret, ensure_ascii=False),
    "JSON in JSON": lambda secret: json.dumps(json.dumps(secret)),
    "URL": lambda secret: quote(secret, safe=""),
    "URL, slashes kept": quote,
    "form": quote_plus,
    "hex": lambda secret: secret.encode().hex(),
    "HEX": lambda secret: secret.encode().hex().upper(),
    "base64": _hidden_at(0),
    "base64 behind one": _hidden_at(1),
    "base64 behind two": _hidden_at(2),
    "base64 for URLs": lambda secret: base64.urlsafe_b64encode(b"xx" + secret.encode()).decode(),
    "backwards": lambda secret: secret[::-1],
    "backwards in JSON": lambda secret: json.dumps(secret[::-1]),
    "backwards in JSON, not ASCII": lambda secret: json.dumps(secret[::-1], ensure_ascii=False),
    "JSON in JSON in JSON": lambda secret: json.dumps(json.dumps(json.dumps(secret))),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("secret", SECRETS)
def test_every_form_of_a_secret_is_found(form: str, secret: str) -> None:
    """SEC-06: what is left holds no part of it that would give it away."""
    written = FORMS[form](secret)

    shown = REDACTOR.clean_text(f"before {written} after")

    assert written not in shown
    assert MASK in shown
    assert shown.startswith("before ")
    assert shown.endswith(" after")
    left = shown.replace(MASK, "").removeprefix("before ").removesuffix(" after")
    assert len(left.replace("\\", "")) < 12  # quotes, and what base64 mixes with its neighbours


@pytest.mark.parametrize("token", WELL_KNOWN)
def test_tokens_of_well_known_make_are_found(token: str) -> None:
    """Whoever put them there."""
    assert Redactor([]).clean_text(f"key={token}\n") == f"key={MASK}\n"


def test_what_is_no_secret_stays_byte_for_byte() -> None:
    """Words that begin like one, and bytes that are no text."""
    for plain in ("skip", "sk-", "ghp_short", "AKIAx", "eyJ.eyJ.", "password", "abcDEF"):
        assert REDACTOR.clean_text(f"a {plain} b") == f"a {plain} b"
    noise = random.Random(5).randbytes(100_000)
    assert REDACTOR.clean(noise) == noise


def test_a_key_is_found_without_what_fills_it_up() -> None:
    """The equals signs of base64 are often left out."""
    assert Redactor(["an-encoded-key-0123456789=="]).clean_text("an-encoded-key-0123456789") == MASK


def test_short_values_are_words() -> None:
    """A secret of a few letters would be replaced everywhere."""
    assert Redactor(["1234567", ""]).clean_text("1234567") == "1234567"


def test_a_key_of_several_lines_is_found_line_by_line() -> None:
    """A program may print it indented, or only its middle."""
    key = "-----BEGIN-----\nMIIEvQIBADANBgkqhkiG9w0BAQEF\nAASCBKcwggSjAgEAAoIBAQDExample\n-----END-----\n"
    shown = Redactor([key]).clean_text("  MIIEvQIBADANBgkqhkiG9w0BAQEF\n  AASCBKcwggSjAgEAAoIBAQDExample\n")
    assert shown == f"  {MASK}\n  {MASK}\n"


def _printed(dice: random.Random) -> bytes:
    parts = []
    for _ in range(dice.randint(1, 6)):
        written = FORMS[dice.choice(list(FORMS))](dice.choice(SECRETS))
        plain = [
            "line\n",
            "x" * dice.randint(0, 100),
            "ж" * dice.randint(1, 9),
            "x1" * dice.randint(1, 9),
            "sk-a",
        ]
        parts.append(dice.choice([written, dice.choice(plain), dice.choice(WELL_KNOWN)]))
    return "".join(parts).encode()


@pytest.mark.no_cover
def test_three_thousand_chunkings_leak_nothing() -> None:
    """SEC-02: cut anywhere, byte by byte too, a stream shows exactly what the whole would show."""
    for seed in range(3000):
        dice = random.Random(seed)
        data, stream, shown = _printed(dice), REDACTOR.stream(), []
        longest = dice.choice((1, 5, 500))
        while data:
            size = dice.randint(1, longest)
            shown.append((data[:size], stream.feed(data[:size])))
            data = data[size:]
        whole = b"".join(fed for fed, _ in shown)

        assert b"".join(out for _, out in shown) + stream.finish() == REDACTOR.clean(whole)


def test_what_can_be_no_secret_is_shown_at_once() -> None:
    """A viewer waits for the rest of a secret at most, not for the next line."""
    stream = REDACTOR.stream()
    assert stream.feed(b'{"type":"text"}\n') == b'{"type":"text"}\n'
    assert stream.feed(b"abcDEF12") == b""
    assert stream.feed(b"!") == b"abcDEF12!"
    assert stream.feed(b"ghp_") == b""
    assert stream.finish() == b"ghp_"
