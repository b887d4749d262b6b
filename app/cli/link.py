"""A fresh sign-in link, made straight at the database: whoever can, has the machine and with it Errand."""

from pathlib import Path
from urllib.parse import quote

from app.db import audit, links, migrate
from app.db.engine import Connection, Database
from app.domain.access import BUILT_IN, Entry
from app.errors import Unavailable
from app.security import tokens
from app.settings import Settings


def fresh_link(settings: Settings) -> str:
    """Return the address that signs the built-in admin in, once and for a day; older ones are worth nothing.

    Raises Unavailable and SchemaMismatch where there is no database to write to.
    """
    secret = tokens.new()
    if not settings.database_url_given and not Path(settings.data_dir / "errand.db").is_file():
        sentence = f"There is no database in {settings.data_dir}. Start bin/up first, or set ERRAND_DATA_DIR."
        raise Unavailable(sentence)
    database = Database(settings.database_url)
    try:
        database.read(migrate.check)
        database.write(_make, tokens.digest(secret))
    finally:
        database.close()
    return address(settings, secret)


def address(settings: Settings, token: str) -> str:
    """Return the address that hands `token` over in its fragment, which browsers do not send."""
    base = settings.public_url or f"http://127.0.0.1:{settings.port}"
    return f"{base.rstrip('/')}/#token={quote(token, safe='')}"


def _make(c: Connection, digest: str) -> None:
    links.make(c, digest)
    audit.add(c, Entry(actor=BUILT_IN, address="this machine", action="link made", object=BUILT_IN))
