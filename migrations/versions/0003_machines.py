"""Machines that report themselves."""

import sqlalchemy as sa
from alembic import op

from app.db.types import Utc

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "machines",
        sa.Column("id", sa.String(length=200), nullable=False, comment="one per process start"),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False, comment="worker or control"),
        sa.Column("version", sa.String(length=32), nullable=False),
        sa.Column("capacity", sa.Integer(), nullable=False),
        sa.Column("running", sa.Integer(), nullable=False),
        sa.Column("clis", sa.JSON(), nullable=False),
        sa.Column("started_at", Utc(), nullable=False),
        sa.Column("seen_at", Utc(), nullable=False),
        sa.Column("stopped_at", Utc(), nullable=True, comment="it said goodbye"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_machines")),
    )
    op.create_index(op.f("ix_machines_role_seen_at"), "machines", ["role", "seen_at"], unique=False)


def downgrade() -> None:
    op.drop_table("machines")
