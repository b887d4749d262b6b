"""What a `result` line of Claude Code means; neither its subtype nor the exit code tells how it went."""

import re
from dataclasses import dataclass

from app.domain.reason import Reason
from app.runner.adapters import reading, storable
from app.runner.adapters.reading import Json

_SUBTYPES = {"error_max_turns": Reason.MAX_TURNS, "error_max_budget_usd": Reason.BUDGET}

#: `api_error`, the most precise word where the CLI gives it.
_API_ERRORS = {
    "usage_limit_reached": Reason.USAGE_LIMIT,
    "connection_failed": Reason.NETWORK,
    "stream_idle_timeout": Reason.NETWORK,
    "computer_slept": Reason.NETWORK,
    "no_response": Reason.NETWORK,
    "stored_login_refused": Reason.CLI_AUTH,
    "oauth_refresh_store_refused": Reason.CLI_AUTH,
    "provider_credentials": Reason.CLI_AUTH,
    "gateway_signin_required": Reason.CLI_AUTH,
    "gateway_session_expired": Reason.CLI_AUTH,
    "api_key_auth_disabled": Reason.CLI_AUTH,
    "org_disabled_credential": Reason.CLI_AUTH,
    "invalid_credential_header": Reason.CLI_AUTH,
    "model_requires_usage_credits": Reason.CLI_BILLING,
    "long_context_credits_required": Reason.CLI_BILLING,
}

#: `error` of the `assistant` line before.
_ERRORS = {
    "authentication_failed": Reason.CLI_AUTH,
    "oauth_org_not_allowed": Reason.CLI_AUTH,
    "account_on_hold": Reason.CLI_AUTH,
    "verification_required": Reason.CLI_AUTH,
    "cloud_credential_error": Reason.CLI_AUTH,
    "billing_error": Reason.CLI_BILLING,
    "rate_limit": Reason.RATE_LIMITED,
    "overloaded": Reason.OVERLOADED,
    "server_error": Reason.OVERLOADED,
    "model_not_found": Reason.MODEL_NOT_FOUND,
}

_STATUSES = {
    401: Reason.CLI_AUTH,
    402: Reason.CLI_BILLING,
    403: Reason.CLI_AUTH,
    408: Reason.NETWORK,
    429: Reason.RATE_LIMITED,
}

_USAGE_LIMIT = re.compile(
    r"usage limit|hit your .{0,40}limit|(hour|session|daily|weekly) limit reached|out of extra usage",
    re.IGNORECASE,
)
# "Claude AI usage limit reached|1750000000", as versions before 2.1 said it.
_RESET = re.compile(r"\|\s*(\d{10})(?:\d{3})?\b")
_WORDS = {
    Reason.CLI_AUTH: r"not logged in|invalid api key|please run /login|oauth token (has )?(expired|revoked)",
    Reason.CLI_BILLING: r"credit balance is too low",
    Reason.NETWORK: r"\bE(CONN\w+|NOTFOUND|TIMEDOUT|AI_AGAIN|HOSTUNREACH|PIPE)\b"
    r"|connection (error|refused|dropped|reset)",
    Reason.OVERLOADED: r"\boverloaded\b",
}


@dataclass(frozen=True, kw_only=True)
class Ending:
    """One `result` line, understood."""

    ok: bool
    text: str
    reason: Reason | None = None
    detail: str = ""
    #: When the usage limit is lifted, in seconds since the epoch.
    resets_at: float | None = None
    #: Tools the agent was refused, each named once.
    denied: tuple[str, ...] = ()


def read_result(result: Json, error: Json) -> Ending:
    """Understand a `result` line; `error` is the `assistant` line before it, if it reported an API error."""
    failed = bool(result.get("is_error")) or reading.string(result, "subtype").startswith("error")
    text = _text(result)
    denied = tuple(dict.fromkeys(_tool_names(result)))
    if not failed:
        return Ending(ok=True, text=text, denied=denied)
    reason = _reason(result, error, text)
    return Ending(
        ok=False,
        text=text,
        reason=reason,
        detail="SIGINT" if reason is Reason.SIGNAL else text[:500].rstrip(". "),
        resets_at=_resets_at(error, text),
        denied=denied,
    )


def worded_reason(text: str) -> Reason | None:
    """Return what the CLI's own words for people say, where they are known."""
    if _USAGE_LIMIT.search(text):
        return Reason.USAGE_LIMIT
    return next((reason for reason, words in _WORDS.items() if re.search(words, text, re.IGNORECASE)), None)


def status_reason(status: int | None) -> Reason | None:
    """Return what an HTTP status of the API means."""
    if status is None:
        return None
    return _STATUSES.get(status) or (Reason.OVERLOADED if status >= 500 else None)


def _reason(result: Json, error: Json, text: str) -> Reason:
    precise = _first(_SUBTYPES, "subtype", result) or _first(_API_ERRORS, "api_error", result, error)
    if precise:
        return precise
    if reading.string(result, "terminal_reason").startswith("aborted"):
        return Reason.SIGNAL
    named = _ERRORS.get(reading.string(error, "error"))
    status = reading.number(result, "api_error_status") or reading.number(error, "api_error_status")
    if named in (Reason.RATE_LIMITED, None) and _USAGE_LIMIT.search(text):
        return Reason.USAGE_LIMIT
    if named is Reason.OVERLOADED and status is None:
        return worded_reason(text) or named  # a connection that broke is a "server_error" to older versions
    if reading.string(result, "api_error_type") == "billing_error":
        return Reason.CLI_BILLING
    return named or status_reason(status) or worded_reason(text) or Reason.CLI_ERROR


def _first(table: dict[str, Reason], field: str, *lines: Json) -> Reason | None:
    words = [reading.string(line, field) for line in lines]
    return next((table[word] for word in words if word in table), None)


def _resets_at(error: Json, text: str) -> float | None:
    info = reading.obj(reading.obj(error, "api_error_params"), "rate_limit_info")
    at = reading.number(info, "resetsAt")
    if at is None:
        found = _RESET.search(text)
        at = int(found[1]) if found else None
    return None if at is None else float(at)


def _text(result: Json) -> str:
    if result.get("result") is not None:
        return storable.shortened(storable.as_text(result["result"]))
    errors = result.get("errors")
    said = [storable.as_text(item) for item in errors] if isinstance(errors, list) else []
    return storable.shortened("; ".join(said))


def _tool_names(result: Json) -> list[str]:
    denials = reading.items(result, "permission_denials")
    return [storable.text(reading.string(denial, "tool_name"))[:80] or "a tool" for denial in denials]
