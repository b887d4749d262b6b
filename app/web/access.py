"""The door: nobody passes whose role is less than the endpoint declares, and no cookie passes alone."""

from contextlib import suppress
from typing import cast

from flask import Flask, Request, Response, current_app, g, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from app.db import logins
from app.domain.access import UserRole
from app.errors import Forbidden, Unauthorized, Unavailable
from app.security.auth import EXTENSION, Auth, Identity, authenticate, is_local
from app.security.origin import same_origin
from app.web import rates, trace
from app.web.errors import is_for_programs
from app.web.rates import Rates
from app.web.roles import EVERYBODY, ROLES
from app.web.services import services

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def init_access(app: Flask, auth: Auth, counted: Rates) -> None:
    """Close `app` to everybody without a sign-in and a role that is enough."""
    app.extensions[EXTENSION] = auth
    app.extensions[rates.EXTENSION] = counted
    app.before_request(_guard)


def the_auth() -> Auth:
    """Return what knows the admin token and the sign-ins."""
    return cast("Auth", current_app.extensions[EXTENSION])


def the_rates() -> Rates:
    """Return what counts."""
    return cast("Rates", current_app.extensions[rates.EXTENSION])


def identity() -> Identity:
    """Return who asks, in a view that is not for everybody."""
    return cast("Identity", g.identity)


def hand_over(answer: AnyResponse, secret: str) -> None:
    """Give the browser the cookie of its sign-in: out of reach of scripts, other sites, and plain http."""
    auth = the_auth()
    answer.set_cookie(
        auth.cookie_for(request),
        secret,
        max_age=logins.LONGEST,
        path="/",
        secure=auth.is_secure(request),
        httponly=True,
        samesite="Lax",
    )


def take_back(answer: AnyResponse) -> None:
    """Have the browser forget its cookie."""
    auth = the_auth()
    secure = auth.is_secure(request)
    answer.delete_cookie(auth.cookie_for(request), path="/", secure=secure, httponly=True, samesite="Lax")


def _guard() -> AnyResponse | None:
    rule = request.url_rule
    if rule is None:
        return None  # 404 and 405 say nothing that is not in the open repository
    if request.endpoint in ROLES and (ROLES[request.endpoint] is EVERYBODY or rule.websocket):
        return None  # a WebSocket says 4401 by itself: a browser shows no status of a refused upgrade
    who = g.identity = authenticate(request)
    if who is None:
        return _turn_away()
    if who.via != "bearer" and request.method not in _SAFE:
        _refuse_a_foreign_write(who)
    _refuse_too_low(who, ROLES.get(request.endpoint or ""))
    return None


def _refuse_a_foreign_write(who: Identity) -> None:
    programs = who.via == "open" and not {"Origin", "Sec-Fetch-Site"} & {name for name, _ in request.headers}
    if programs:
        return  # no browser: it would say where the page is from
    refuse_foreign(request)
    if _has_body(request) and not request.is_json:
        raise Forbidden("With a cookie, send JSON (Content-Type: application/json).", reason="csrf")


def _refuse_too_low(who: Identity, needed: UserRole | None) -> None:
    if needed is not None and who.role.covers(needed):
        return
    what = f"{request.method} {request.path}"
    if the_rates().allows(rates.REFUSALS, who.key):
        with suppress(Unavailable):  # the refusal stands, written down or not
            trace.record(trace.entry("refused", what, f"as {who.role}", by=who))
    if needed is None:
        raise Forbidden("Nobody may do this: the address declares no role (app/web/roles.py).")
    raise Forbidden(f"This needs the role {needed}, and yours is {who.role}. An admin can give you another.")


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


def _turn_away() -> Response:
    if the_auth().open and not is_local(request):
        raise Forbidden(
            "Without a sign-in (ERRAND_AUTH=none) Errand answers only this machine itself, at 127.0.0.1."
        )
    if not is_for_programs(request):
        here = request.full_path.rstrip("?") if request.method in _SAFE else None
        return cast("Response", redirect(url_for("login.form", next=here), 302))
    if "Authorization" not in request.headers:
        raise Unauthorized("Sign in first: send the header Authorization: Bearer TOKEN.")
    the_rates().take(rates.BEARERS, trace.address(request))
    raise Unauthorized("This token is not valid (any more).", reason="token_invalid")


def _has_body(asked: Request) -> bool:
    return bool(asked.content_length) or "Transfer-Encoding" in asked.headers
