"""The web room: REST, WebSockets and the page, in one Flask app made by `create_app`."""

from typing import Any, cast

from flask import Flask
from flask.json.provider import DefaultJSONProvider
from flask_openapi3.openapi import OpenAPI
from werkzeug.middleware.proxy_fix import ProxyFix

from app.agents import Agents
from app.credentials import Safe
from app.credentials.waiting import Waiting
from app.db.engine import Database
from app.dispatch import Bell
from app.live.hub import Hub
from app.security.auth import Auth, authenticate
from app.security.crypto import Vault
from app.security.redact import Known
from app.settings import Settings
from app.web import (
    account,
    agents,
    audit,
    chat,
    credentials,
    deliveries,
    github,
    github_login,
    health,
    hook_settings,
    hooks,
    login,
    machines,
    pages,
    sessions,
    settings_page,
    status,
    tasks,
    tokens,
    users,
    webhooks,
)
from app.web.access import init_access
from app.web.errors import init_errors, invalid_input
from app.web.headers import init_headers
from app.web.openapi import API, Answer, security_schemes
from app.web.queue import Queue
from app.web.rates import Rates
from app.web.requests import JsonRequest
from app.web.schemas import Problem
from app.web.services import EXTENSION, Publisher, Services
from app.web.sockets import register_sockets
from app.web.trace import init_trace
from app.webhooks.hooks import Hooks

#: Whose blueprints are the REST API; app/web/roles.py says who may ask what of them.
_ROOMS = (
    chat,
    tasks,
    sessions,
    agents,
    machines,
    status,
    login,
    github_login,
    account,
    users,
    tokens,
    audit,
    credentials,
    health,
    webhooks,
    deliveries,
    github,
    hooks,
    hook_settings,
)


def create_app(
    settings: Settings,
    db: Database,
    bell: Bell,
    hub: Hub,
    publisher: Publisher,
    *,
    known: Known | None = None,
) -> Flask:
    """Return the web app that works with these collaborators; nothing here reads the environment.

    `known` is told the secrets that come in, so that this process's log shows none.
    """
    vault, learn = Vault(settings.fernet_keys()), (known or Known(())).learn
    safe = Safe(db, vault, learn=learn)
    auth = Auth(settings, db)
    app = OpenAPI(
        __name__,
        info=API,
        doc_ui=False,
        security_schemes=security_schemes(auth.cookie_name),
        validation_error_status=400,
        validation_error_model=Problem,
        validation_error_callback=invalid_input,
    )
    app.request_class = JsonRequest
    cast("DefaultJSONProvider", app.json).sort_keys = False  # as the contract lists them
    # JSON may write one byte of a message as six (\u001f), and a little is around it.
    app.config["MAX_CONTENT_LENGTH"] = 6 * settings.message_limit + 64 * 1024
    if settings.proxy_hops:
        hops = settings.proxy_hops
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=0)  # type: ignore[method-assign]
    app.extensions[EXTENSION] = Services(
        settings,
        db,
        bell,
        publisher,
        Agents(settings.agents_dir),
        Queue(settings.redis_url),
        safe,
        Waiting(db, bell, publisher),
        Hooks(db, vault, learn=learn),
    )
    init_trace(app)
    init_access(app, auth, Rates(settings.redis_url))
    init_errors(app)
    init_headers(app)
    for room in _ROOMS:
        app.register_api(room.blueprint)
    app.register_blueprint(pages.blueprint)
    app.register_blueprint(settings_page.blueprint)
    register_sockets(app, hub, db, authenticate=authenticate, public_url=settings.public_url)
    app.add_url_rule("/api/openapi.json", "openapi", lambda: _document(app))
    return app


def _document(app: OpenAPI) -> Answer:
    document: dict[str, Any] = app.api_doc
    return document
