"""Signing in and out: the admin token is traded for a cookie that only this browser holds."""

from urllib.parse import urlsplit

from flask import Response, current_app, g, redirect, render_template, request, session
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag

from app.errors import TooMany, Unauthorized
from app.security.auth import EXTENSION, Auth
from app.security.throttle import Throttle
from app.web.access import address, refuse_foreign
from app.web.openapi import SECURITY, Answer, problems
from app.web.schemas import SignedIn, SignIn

blueprint = APIBlueprint("login", __name__, abp_tags=[Tag(name="sign-in")])

#: The sixth wrong token in a minute has to wait, and so does the right one after it.
WRONGS_PER_MINUTE = 5
THROTTLE = "errand.wrong_sign_ins"


def local(path: str | None) -> str:
    """Return `path` if it leads to a page of ours, else the first page."""
    if not path or not path.startswith("/") or path[1:2] in {"/", "\\"} or not path.isprintable():
        return "/"
    parts = urlsplit(path)
    return "/" if parts.scheme or parts.netloc else path


@blueprint.get(
    "/login",
    responses={
        200: {"description": "The page.", "content": {"text/html": {"schema": {"type": "string"}}}},
        **problems(),
    },
    security=[{}],
)
def form() -> Answer:
    """Show where to put the token; the page takes it from the address's fragment by itself."""
    after = local(request.args.get("next"))
    if g.identity is not None:
        return redirect(after, 303)
    return render_template("login.html", next=after)


@blueprint.post("/login", responses={200: SignedIn, **problems(400, 401, 403, 413, 415, 429)}, security=[{}])
def sign_in(body: SignIn) -> Answer:
    """Trade the token for a cookie."""
    if "Origin" in request.headers:
        refuse_foreign(request)
    throttle: Throttle = current_app.extensions[THROTTLE]
    wait = throttle.wait(address(request))
    if wait is not None:
        message = f"Too many wrong tokens. Try again in {max(1, round(wait))} seconds."
        raise TooMany(message, reason="too_many_wrong_tokens", retry_after=wait)
    auth: Auth = current_app.extensions[EXTENSION]
    if not auth.accepts(body.token):
        throttle.count(address(request))
        message = (
            "This is not the token. bin/up prints it with the address to open; ERRAND_ADMIN_TOKEN sets it."
        )
        raise Unauthorized(message, reason="token_invalid")
    session.clear()
    session.update(auth.new_cookie())
    session.permanent = True
    return {"name": "admin", "role": "admin", "next": local(body.next)}


@blueprint.post("/logout", responses={204: None, **problems(403)}, security=SECURITY)
def sign_out() -> Answer:
    """Forget the cookie."""
    session.clear()
    if request.accept_mimetypes.best_match(["application/json", "text/html"]) == "text/html":
        return redirect("/login", 303)
    return Response(status=204)
