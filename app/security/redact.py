"""Replaces secrets in what programs print, however it is cut into pieces.

A value that Errand knows is found in every form it is likely to be printed in, and tokens of well-known make
are found that it does not know. It is the last layer: what is not given a secret cannot print it.
"""

import base64
import json
import re
import threading
from collections.abc import Iterable, Iterator, Sequence
from urllib.parse import quote, quote_plus

#: What stands in the place of a secret.
MASK = "***"
#: Shorter values are words as well, and would be replaced everywhere.
SHORTEST = 8
#: Bytes of a token of well-known make that are waited for; longer ones are replaced in their first part.
LONGEST_TOKEN = 4096

#: How tokens of well-known make begin, and what they are made of.
_TOKENS = {
    b"err_": rb"[A-Za-z0-9_-]{43}",
    b"sk-ant-": rb"[A-Za-z0-9_-]{16,}",
    b"github_pat_": rb"[A-Za-z0-9_]{22,}",
    b"ghp_": rb"[A-Za-z0-9]{20,}",
    b"gho_": rb"[A-Za-z0-9]{20,}",
    b"ghu_": rb"[A-Za-z0-9]{20,}",
    b"ghs_": rb"[A-Za-z0-9]{20,}",
    b"ghr_": rb"[A-Za-z0-9]{20,}",
    b"glpat-": rb"[A-Za-z0-9_-]{20,}",
    b"xoxb-": rb"[A-Za-z0-9-]{20,}",
    b"xoxp-": rb"[A-Za-z0-9-]{20,}",
    b"AKIA": rb"[A-Z0-9]{16}",
    b"AIza": rb"[A-Za-z0-9_-]{35}",
    b"eyJ": rb"[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}",
}
_TOKEN = re.compile(b"|".join(re.escape(start) + rest for start, rest in _TOKENS.items()))
#: A token that may go on in what has not come yet.
_UNFINISHED = re.compile(
    rb"(?:" + b"|".join(map(re.escape, _TOKENS)) + rb")[A-Za-z0-9_.-]{0,%d}\Z" % LONGEST_TOKEN
)


#: From and up to where something stands.
Span = tuple[int, int]


class Redactor:
    """Knows some secrets; thread-safe, for it never changes."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._forms = sorted({form for secret in secrets for form in _forms(secret)})
        known = (*self._forms, *_TOKENS)
        self._starts = frozenset(form[:end] for form in known for end in range(1, len(form)))
        self._longest = max(map(len, known))

    def clean(self, data: bytes) -> bytes:
        """Return `data`, which is whole, without secrets."""
        return _masked(data, self.spans(data))

    def clean_text(self, value: str) -> str:
        """Return `value`, which is whole, without secrets."""
        return self.clean(value.encode("utf-8", "surrogatepass")).decode("utf-8", "surrogatepass")

    def split(self, data: bytes) -> tuple[bytes, bytes]:
        """Return what of `data` can be shown, without secrets, and its end, which may begin one."""
        spans = self.spans(data)
        cut = self.safe(data)
        while spans and spans[-1][1] > cut:
            # A secret that may yet turn out to be a part of a longer one stays whole.
            cut = min(cut, spans.pop()[0])
        return _masked(data[:cut], spans), data[cut:]

    def safe(self, data: bytes) -> int:
        """Return where the end of `data` begins that may be the beginning of a secret."""
        return len(data) - self._unfinished(data)

    def stream(self) -> "Stream":
        """Return a Stream for one flow of bytes."""
        return Stream(self)

    def spans(self, data: bytes) -> list[Span]:
        """Return where secrets stand, in order, those that overlap as one."""
        # Looking for one form after the other is ten times as fast as one expression of all of them.
        found = [span for form in self._forms if form in data for span in _occurrences(form, data)]
        if any(start in data for start in _TOKENS):
            found += [match.span() for match in _TOKEN.finditer(data)]
        merged: list[Span] = []
        for start, end in sorted(found):
            if merged and start < merged[-1][1]:
                merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
            else:
                merged.append((start, end))
        return merged

    def _unfinished(self, data: bytes) -> int:
        """Return how many bytes at the end of `data` may be the beginning of a secret."""
        token = _UNFINISHED.search(data, max(0, len(data) - LONGEST_TOKEN - self._longest))
        held = len(data) - token.start() if token else 0
        sizes = range(min(self._longest - 1, len(data)), held, -1)
        return next((size for size in sizes if data[-size:] in self._starts), held)


class Stream:
    """Bytes in, bytes out: what may be the beginning of a secret is kept until it is known."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._held = b""

    def feed(self, data: bytes) -> bytes:
        """Take what was printed; return what can be shown."""
        shown, self._held = self._redactor.split(self._held + data)
        return shown

    def finish(self) -> bytes:
        """Return what was kept: nothing follows it."""
        rest, self._held = self._held, b""
        return self._redactor.clean(rest)


def _masked(data: bytes, spans: Sequence[Span]) -> bytes:
    if not spans:
        return data
    starts, ends = zip(*spans, strict=True)
    pieces = (data[start:end] for start, end in zip((0, *ends), (*starts, len(data)), strict=True))
    return MASK.encode().join(pieces)


def _occurrences(form: bytes, data: bytes) -> Iterator[Span]:
    start = data.find(form)
    while start >= 0:
        yield start, start + len(form)
        start = data.find(form, start + 1)


def _forms(secret: str) -> Iterator[bytes]:
    """Yield how a secret may be printed; a text of several lines also line by line."""
    lines = [line for line in secret.splitlines() if len(line) >= 2 * SHORTEST]
    # The signs that fill up base64 are often left out.
    for value in {secret, secret.strip(), secret.strip().rstrip("="), *(lines if len(lines) > 1 else ())}:
        if len(value) >= SHORTEST:
            yield from _written(value)


def _written(value: str) -> Iterator[bytes]:
    data = value.encode()
    for text in (value, value[::-1]):
        yield text.encode()
        for ascii_only in (True, False):
            yield from _escaped(text, ascii_only=ascii_only)
    yield quote(value, safe="").encode()
    yield quote(value).encode()
    yield quote_plus(value).encode()
    yield data.hex().encode()
    yield data.hex().upper().encode()
    for skipped in range(3):
        yield from _base64(data, skipped)


def _escaped(text: str, *, ascii_only: bool) -> Iterator[bytes]:
    """Yield it as JSON, as JSON in a line of JSON, and as what a CLI that speaks JSON makes of that again."""
    for _ in range(3):
        text = json.dumps(text, ensure_ascii=ascii_only)[1:-1]
        yield text.encode()


def _base64(data: bytes, skipped: int) -> Iterator[bytes]:
    """Yield the part of its base64 that is the same whatever stands around it, `skipped` bytes before it."""
    encoded = base64.b64encode(b"\0" * skipped + data).rstrip(b"=")
    start = (8 * skipped + 5) // 6
    end = len(encoded) - (1 if (skipped + len(data)) % 3 else 0)
    inner = encoded[start:end]
    if len(inner) >= SHORTEST:
        yield inner
        yield inner.translate(bytes.maketrans(b"+/", b"-_"))


class Known:
    """The secrets a process has come to know: more may be learnt while it runs; thread-safe."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._secrets = frozenset(secrets)
        self._redactor = Redactor(self._secrets)
        self._lock = threading.Lock()

    @property
    def redactor(self) -> Redactor:
        """A Redactor of all that is known now."""
        return self._redactor

    def learn(self, secrets: Iterable[str]) -> None:
        """Take more of them."""
        with self._lock:
            more = self._secrets.union(secrets)
            if more != self._secrets:
                self._redactor = Redactor(more)
                self._secrets = more

    def clean_text(self, value: str) -> str:
        """Return `value` without what is known now."""
        return self._redactor.clean_text(value)
