"""Bring a database to this version's schema, under a lock, and tell when it does not fit."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from app.db.engine import Database
from app.errors import SchemaMismatch

_SCRIPTS = Path(__file__).resolve().parent.parent.parent / "migrations"
#: Any constant: two releases that migrate at once wait for each other.
_LOCK = 0x455252414E44


def upgrade(url: str) -> None:
    """Run the missing migrations; raises SchemaMismatch for a database of a newer Errand."""
    database = Database(url)
    try:
        database.write(_upgrade)
    finally:
        database.close()


def _upgrade(c: Connection) -> None:
    if c.dialect.name == "postgresql":
        c.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        c.execute(text("SET LOCAL lock_timeout = '4s'"))
    if state(c) == "newer":
        raise SchemaMismatch(_NEWER)
    command.upgrade(_config(c), "head")


_NEWER = (
    "This database was made by a newer version of Errand. Update Errand, or point DATABASE_URL "
    "(or ERRAND_DATA_DIR) at another database."
)


def downgrade(c: Connection, revision: str) -> None:
    """Go back to `revision` ("base" for an empty database)."""
    command.downgrade(_config(c), revision)


def state(c: Connection) -> str:
    """Return "current", "older" (empty included) or "newer"."""
    scripts = ScriptDirectory(str(_SCRIPTS))
    heads = set(MigrationContext.configure(c).get_current_heads())
    if heads == set(scripts.get_heads()):
        return "current"
    known = {script.revision for script in scripts.walk_revisions()}
    return "older" if heads <= known else "newer"


def check(c: Connection) -> None:
    """Raise SchemaMismatch, with what to do, unless the schema is this version's."""
    found = state(c)
    if found == "newer":
        raise SchemaMismatch(_NEWER)
    if found == "older":
        raise SchemaMismatch("The database's schema is not up to date. Run `python -m app.db.migrate`.")


def _config(c: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS))
    config.attributes["connection"] = c
    return config


if __name__ == "__main__":
    from app.settings import load_settings

    upgrade(load_settings().database_url)
