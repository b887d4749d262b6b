"""The door: nobody passes who is not known, but for a short list of addresses, and no cookie passes alone."""

from typing import cast

from flask import Flask, Request, Response, current_app, g, redirect, request, url_for
from flask.sessions import SecureCookieSessionInterface
from werkzeug.wrappers import Response as AnyResponse

from app.errors import Forbidden, TooMany, Unauthorized
from app.security.auth import EXTENSION, IDLE, Auth, Identity, authenticate
from app.security.origin import same_origin
from app.security.throttle import Throttle
from app.web.errors import is_for_programs
from app.web.services import services

#: Everything else needs a sign-in. Static files are the same for everybody and in the open repository.
PUBLIC = frozenset(
    {"health.healthz", "health.readyz", "login.form", "login.sign_in", "static", "webhooks.github"}
)

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class _Cookies(SecureCookieSessionInterface):
    """Flask's signed cookie, Secure exactly where the browser speaks https to us."""

    def get_cookie_secure(self, app: Flask) -> bool:  # noqa: ARG002 - Flask's signature
        """Whether the cookie may travel over https only."""
        return request.is_secure or (services().settings.public_url or "").startswith("https://")


def init_access(app: Flask, auth: Auth, secret_key: str) -> None:
    """Close `app` to everybody without a sign-in."""
    app.extensions[EXTENSION] = auth
    app.secret_key = secret_key
    app.session_interface = _Cookies()
    app.config.update(
        SESSION_COOKIE_NAME=auth.cookie_name,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_REFRESH_EACH_REQUEST=False,
        PERMANENT_SESSION_LIFETIME=IDLE,
    )
    # Guessing the token is hopeless; this only keeps a loop of guesses from filling the log.
    app.extensions["errand.wrong_bearers"] = Throttle(limit=60, seconds=60)
    app.before_request(_guard)


def identity() -> Identity:
    """Return who asks, in a view that is not public."""
    return cast("Identity", g.identity)


def _guard() -> AnyResponse | None:
    rule = request.url_rule
    if rule is None:
        return None  # 404 and 405 say nothing that is not in the open repository
    g.identity = authenticate(request)
    if request.endpoint in PUBLIC or rule.websocket:
        return None  # a WebSocket says 4401 by itself: a browser shows no status of a refused upgrade
    if g.identity is None:
        return _turn_away()
    if g.identity.via == "cookie" and request.method not in _SAFE:
        refuse_foreign(request)
        if _has_body(request) and not request.is_json:
            raise Forbidden("With a cookie, send JSON (Content-Type: application/json).", reason="csrf")
    return None


def refuse_foreign(asked: Request) -> None:
    """Raise Forbidden unless a page of ours sent this: a browser adds the cookie whoever makes it send."""
    origin = asked.headers.get("Origin")
    if origin is None:
        ours = asked.headers.get("Sec-Fetch-Site") == "same-origin"
    else:
        ours = same_origin(origin, host=asked.host, public_url=services().settings.public_url)
    if not ours:
        message = (
            "This request did not come from Errand's own page. From a program, use the header Authorization: "
            "Bearer; behind a proxy that changes the host, set ERRAND_PUBLIC_URL."
        )
        raise Forbidden(message, reason="csrf")


def address(asked: Request) -> str:
    """Return who is at the other end, for counting."""
    return asked.remote_addr or "?"


def _turn_away() -> Response:
    if not is_for_programs(request):
        here = request.full_path.rstrip("?") if request.method in _SAFE else None
        return cast("Response", redirect(url_for("login.form", next=here), 302))
    if "Authorization" not in request.headers:
        raise Unauthorized("Sign in first: send the header Authorization: Bearer TOKEN.")
    wrong: Throttle = current_app.extensions["errand.wrong_bearers"]
    wait = wrong.wait(address(request))
    if wait is not None:
        raise TooMany(
            "Too many wrong tokens from this address.", reason="too_many_wrong_tokens", retry_after=wait
        )
    wrong.count(address(request))
    raise Unauthorized("This token is not valid (any more).", reason="token_invalid")


def _has_body(asked: Request) -> bool:
    return bool(asked.content_length) or "Transfer-Encoding" in asked.headers
