"""The first way in, where nobody set a token: a sign-in link in the log, made by one process of all."""

import structlog

from app.db import audit, links, migrate
from app.db.engine import Connection, Database
from app.domain.access import BUILT_IN, Entry
from app.security import tokens
from app.settings import Settings

log = structlog.get_logger()


def tell_first_link(settings: Settings, database: Database) -> bool:
    """Log a sign-in link where there is no other way in and no process did; return whether this one did.

    Raises an ErrandError while the database or its schema cannot be used. bin/up prints its own.
    """
    if settings.admin_token_given or settings.up_started or settings.auth == "none":
        return False
    database.read(migrate.check)
    secret = tokens.new()
    if not database.write(_make, tokens.digest(secret)):
        return False
    base = settings.public_url or f"http://127.0.0.1:{settings.port}"
    # Once, where only who runs the platform reads; the database has a hash of it.
    log.warning(
        "first_sign_in",
        url=f"{base.rstrip('/')}/#token={secret}",
        what="Open it within a day: it signs in once. `errand link` makes another.",
    )
    return True


def _make(c: Connection, digest: str) -> bool:
    made = links.make_first(c, digest)
    if made:
        audit.add(c, Entry(actor=BUILT_IN, address="this machine", action="link made", object=BUILT_IN))
    return made
