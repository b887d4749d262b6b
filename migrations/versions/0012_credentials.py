"""Credentials, encrypted, and which of them a Task waits for."""

import sqlalchemy as sa
from alembic import op

from app.db.types import Utc

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "credentials",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("variables", sa.JSON(), nullable=False, comment="the names of what it sets"),
        sa.Column("secret", sa.Text(), nullable=False, comment="encrypted; the keys are not in the database"),
        sa.Column("last4", sa.String(length=4), nullable=False, comment="by which its owner knows it again"),
        sa.Column("revision", sa.Integer(), nullable=False, comment="raised with each new value"),
        sa.Column("created_at", Utc(), nullable=False),
        sa.Column("updated_at", Utc(), nullable=False, comment="when it got this value"),
        sa.Column("expires_at", Utc(), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("warned", sa.String(length=4), nullable=True, comment="what was last said of its end"),
        sa.Column("probes", sa.Integer(), nullable=False, comment="tries since it was refused"),
        sa.Column("probe_at", Utc(), nullable=True, comment="when one Task may try it again"),
        sa.Column("probe_task", sa.String(length=36), nullable=True, comment="the Task that tries it"),
        sa.Column("refresher", sa.String(length=36), nullable=True, comment="who refreshes it now"),
        sa.Column("refresh_until", Utc(), nullable=True, comment="and how long nobody else may, or tries"),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_credentials")),
    )
    op.add_column(
        "tasks",
        sa.Column("held_by", sa.String(length=64), nullable=True, comment="the Credential it waits for"),
    )
    op.create_index(op.f("ix_tasks_held_by"), "tasks", ["held_by"])


def downgrade() -> None:
    op.drop_index(op.f("ix_tasks_held_by"), "tasks")
    with op.batch_alter_table("tasks") as tasks:
        tasks.drop_column("held_by")
    op.drop_table("credentials")
