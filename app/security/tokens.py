"""Tokens: compared in constant time, and named by a mark that tells nothing about them."""

import hashlib
import hmac


def matches(given: str, expected: str) -> bool:
    """Whether two tokens are the same, in a time that does not depend on where they differ."""
    return hmac.compare_digest(given.encode(), expected.encode())


def mark(key: str, token: str) -> str:
    """Return what stands for `token` where others can read it; only the holder of `key` can make it."""
    return hmac.new(key.encode(), token.encode(), hashlib.sha256).hexdigest()[:32]
