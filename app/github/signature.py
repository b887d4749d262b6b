"""Whether GitHub sent a body: HMAC-SHA256 over the bytes as they came."""

import hashlib
import hmac
import re
from collections.abc import Sequence

from app.github.errors import BadSignature, NoSecret

_HEADER = re.compile(r"sha256=([0-9a-f]{64})", re.ASCII)


def signature(secret: str, body: bytes) -> str:
    """Return the header X-Hub-Signature-256 that GitHub sends with `body`."""
    return f"sha256={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"


def verify(body: bytes, header: str | None, secrets: Sequence[str]) -> None:
    """Return if one of `secrets` signed `body`; raise NoSecret or BadSignature.

    Two secrets are good while one takes the other's place. An empty secret is none: whoever knows
    that none is set could sign with it. Every secret is tried, so the time does not tell which one fits.
    """
    usable = [secret for secret in secrets if secret]
    if not usable:
        raise NoSecret
    if header is None or _HEADER.fullmatch(header) is None:
        raise BadSignature
    matches = [hmac.compare_digest(signature(secret, body), header) for secret in usable]
    if not any(matches):
        raise BadSignature
