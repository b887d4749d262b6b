"""Doorbells that were ignored, per Task and reason."""

import sqlalchemy as sa
from alembic import op

from app.db.types import Utc

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "ignored",
        sa.Column("task_id", sa.String(length=36), nullable=False),
        sa.Column("why", sa.String(length=32), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("first_at", Utc(), nullable=False),
        sa.Column("last_at", Utc(), nullable=False),
        sa.ForeignKeyConstraint(
            ["task_id"], ["tasks.id"], name=op.f("fk_ignored_task_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("task_id", "why", name=op.f("pk_ignored")),
    )


def downgrade() -> None:
    op.drop_table("ignored")
