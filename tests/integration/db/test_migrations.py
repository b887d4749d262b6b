"""Migrations run up, down and up again on both databases, and end where the tables are described."""

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, inspect, text

from app.db import github_rows, migrate, webhook_rows  # noqa: F401 - their tables come with them
from app.db.engine import Database
from app.db.rows import metadata
from app.errors import SchemaMismatch


@pytest.fixture(params=["sqlite", "postgres"])
def empty_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Give a database of each kind without a schema."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path_factory.mktemp('empty')}/errand.db"
    url: str = request.getfixturevalue("empty_postgres_url")
    return url


def _differences(c: Connection) -> list[object]:
    return list(compare_metadata(MigrationContext.configure(c, opts={"compare_type": True}), metadata))


def test_migrations_match_the_tables(empty_url: str) -> None:
    """After all migrations nothing is missing and nothing is left over."""
    migrate.upgrade(empty_url)
    assert Database(empty_url).read(_differences) == []


def test_up_down_and_up_again(empty_url: str) -> None:
    """Every step can be taken back, and nothing remains of it."""
    migrate.upgrade(empty_url)
    db = Database(empty_url)
    db.write(migrate.downgrade, "base")
    assert set(db.read(lambda c: inspect(c).get_table_names())) <= {"alembic_version"}
    migrate.upgrade(empty_url)
    assert db.read(migrate.state) == "current"


def test_a_newer_database_is_refused_with_a_sentence(empty_url: str) -> None:
    """A version we do not know is left alone."""
    migrate.upgrade(empty_url)
    db = Database(empty_url)
    db.write(lambda c: c.execute(text("UPDATE alembic_version SET version_num = '9999'")))
    with pytest.raises(SchemaMismatch, match="newer version of Errand"):
        migrate.upgrade(empty_url)
    with pytest.raises(SchemaMismatch, match="newer version of Errand"):
        db.read(migrate.check)


def test_an_empty_database_is_told_apart(empty_url: str) -> None:
    """A web process that starts before the release says what to run."""
    with pytest.raises(SchemaMismatch, match=r"app\.db\.migrate"):
        Database(empty_url).read(migrate.check)
