"""What a webhook's delivery, its template or its callback can be refused for."""

from app.errors import ErrandError, Forbidden, Invalid, TooLarge, Unauthorized


class NotSigned(Unauthorized):
    """There is no such webhook, or this body is not signed with its secret (X-Errand-Signature)."""

    reason = "bad_signature"


class HookDisabled(Forbidden):
    """This webhook is switched off; an admin can switch it on in the settings."""

    reason = "webhook_disabled"


class BadTemplate(Invalid):
    """The template is not valid."""

    reason = "template_invalid"


class BadBody(Invalid):
    """The body is not what its content type says."""

    reason = "bad_payload"


class WrongType(Invalid):
    """Send application/json, application/x-www-form-urlencoded or text/plain, and say so in Content-Type."""

    reason = "unsupported_media_type"


class BodyTooLarge(TooLarge):
    """The body is larger than the megabyte that a webhook takes."""

    reason = "payload_too_large"


class BadAddress(Invalid):
    """The callback's address cannot be used."""

    reason = "callback_address"


class NotDelivered(ErrandError):
    """The callback did not arrive."""

    reason = "callback_not_delivered"
