"""Bring a database to this version's schema, under a lock, and tell when it does not fit."""

import math
import sys
from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from app.db.engine import Database
from app.errors import ErrandError, SchemaMismatch
from app.settings import load_settings

_SCRIPTS = Path(__file__).resolve().parent.parent.parent / "migrations"
#: Any constant: two releases that migrate at once wait for each other.
_LOCK = 0x455252414E44


def upgrade(url: str) -> None:
    """Run the missing migrations; raises SchemaMismatch for a database of a newer Errand."""
    # Tables may be large: nobody waits for a migration but whoever started it.
    database = Database(url, patience=lambda: math.inf)
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
    ours, known = _revisions()
    heads = set(MigrationContext.configure(c).get_current_heads())
    if heads == ours:
        return "current"
    return "older" if heads <= known else "newer"


@cache
def _revisions() -> tuple[set[str], set[str]]:
    """Return the heads of this version's migrations, and all of them."""
    scripts = ScriptDirectory(str(_SCRIPTS))
    return set(scripts.get_heads()), {script.revision for script in scripts.walk_revisions()}


def check(c: Connection) -> None:
    """Raise SchemaMismatch, with what to do, unless the schema is this version's."""
    _refuse_unfit(state(c))


def _refuse_unfit(found: str) -> None:
    if found == "newer":
        raise SchemaMismatch(_NEWER)
    if found == "older":
        raise SchemaMismatch("The database's schema is not up to date. Run `python -m app.db.migrate`.")


class Schema:
    """Whether the schema can be used by this process, which is asked again and again."""

    def __init__(self) -> None:
        self._fitted = False

    def check(self, c: Connection) -> None:
        """Raise SchemaMismatch unless the schema is this version's, or was when this process began.

        A deploy migrates before the old processes are gone, and migrations are safe under running code.
        """
        found = state(c)
        if found == "newer" and self._fitted:
            return
        _refuse_unfit(found)
        self._fitted = True


def _config(c: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS))
    config.attributes["connection"] = c
    return config


def main() -> None:
    """Migrate the database of the settings; exit with a sentence where that cannot be done."""
    try:
        upgrade(load_settings().database_url)
    except ErrandError as error:
        sys.exit(error.message)


if __name__ == "__main__":
    main()
