"""Who sent a body: HMAC-SHA256 over its bytes, or the secret itself from those that can't sign."""

import hashlib
import hmac
import re
from collections.abc import Callable, Sequence

from app.webhooks.errors import NotSigned

SIGNATURE = "X-Errand-Signature"
#: In the order in which they are looked for; the second is what GitHub's senders, and many others, use.
_HEADERS = (SIGNATURE, "X-Hub-Signature-256")
_VALUE = re.compile(r"sha256=[0-9a-f]{64}", re.ASCII)


def signature(secret: str, body: bytes) -> str:
    """Return what the header X-Errand-Signature holds for `body`."""
    return f"sha256={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"


def verify(body: bytes, header: Callable[[str], str | None], secrets: Sequence[str], *, bearer: bool) -> None:
    """Return if one of `secrets` signed `body`, or with `bearer` came along; raises NotSigned.

    Every secret is tried, so the time does not tell which one fits. A signature that is there has to be
    right: the bearer does not make up for it.
    """
    given = next((found for name in _HEADERS if (found := header(name)) is not None), None)
    if given is not None:
        ours = [hmac.compare_digest(signature(secret, body), given) for secret in secrets if _fits(given)]
    else:
        scheme, _, token = (header("Authorization") or "").partition(" ")
        token = token if bearer and scheme.lower() == "bearer" else ""
        ours = [hmac.compare_digest(_digest(secret), _digest(token)) for secret in secrets]
    if not any(ours):
        raise NotSigned


def _fits(given: str) -> bool:
    return _VALUE.fullmatch(given) is not None


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
