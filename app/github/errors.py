"""What a Delivery can be refused for before anybody asks what it wants."""

from app.errors import Invalid, TooLarge, Unauthorized, Unavailable


class NoSecret(Unavailable):
    """No webhook secret is set; set GITHUB_WEBHOOK_SECRET to the one that GitHub was given."""

    reason = "webhook_secret_missing"


class BadSignature(Unauthorized):
    """The signature is not that of this body; the secret here and the one at GitHub have to be the same."""

    reason = "bad_signature"


class UnsupportedType(Invalid):
    """The content type has to be application/json or application/x-www-form-urlencoded."""

    reason = "unsupported_type"


class BadPayload(Invalid):
    """The body is not a payload that GitHub sends."""

    reason = "bad_payload"


class PayloadTooLarge(TooLarge):
    """The body is larger than the 25 MB that GitHub sends at most."""

    reason = "payload_too_large"


class NoAccess(Unavailable):
    """Errand can't speak to GitHub; set GITHUB_APP_ID and GITHUB_APP_PRIVATE_KEY, or GITHUB_TOKEN."""

    reason = "github_access_missing"
