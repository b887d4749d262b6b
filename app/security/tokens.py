"""Tokens: made at random, stored as a hash, compared in constant time, named by a mark that tells nothing."""

import hashlib
import hmac
import secrets

#: How an API token of ours begins, for people and for scanners.
API_PREFIX = "err_"
#: Characters of a token that are kept to tell it from others.
HINT = 8


def new() -> str:
    """Return 32 random bytes as text."""
    return secrets.token_urlsafe(32)


def new_api_token() -> str:
    """Return a new API token."""
    return API_PREFIX + new()


def digest(token: str) -> str:
    """Return what is stored of a token: nobody can guess 32 random bytes, so a fast hash is enough."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def matches(given: str, expected: str) -> bool:
    """Whether two tokens are the same, in a time that does not depend on where they differ."""
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), expected.encode())


def mark(key: str, token: str) -> str:
    """Return what stands for `token` where others can read it; only the holder of `key` can make it."""
    return hmac.new(key.encode(), token.encode(), hashlib.sha256).hexdigest()[:32]
