"""Alembic's entry: migrations run on the connection (and in the transaction) app.db.migrate hands over."""

from alembic import context

from app.db import github_rows, webhook_rows  # noqa: F401 - their tables come with them
from app.db.rows import metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    render_as_batch=connection.dialect.name == "sqlite",
    transaction_per_migration=False,
)
context.run_migrations()
