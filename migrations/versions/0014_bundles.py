"""What agents committed, until it is pushed."""

import sqlalchemy as sa
from alembic import op

from app.db.types import Utc

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "bundles",
        sa.Column("task_id", sa.String(length=36), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False, comment="the Attempt whose work it is"),
        sa.Column(
            "start", sa.JSON(), nullable=False, comment="branch, commit and base that it goes on top of"
        ),
        sa.Column(
            "data", sa.LargeBinary(), nullable=False, comment="a git bundle; empty: nothing was committed"
        ),
        sa.Column(
            "note", sa.Text(), server_default="", nullable=False, comment="what a person should know of it"
        ),
        sa.Column("created_at", Utc(), nullable=False),
        sa.ForeignKeyConstraint(
            ["task_id"], ["tasks.id"], name=op.f("fk_bundles_task_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("task_id", name=op.f("pk_bundles")),
    )


def downgrade() -> None:
    op.drop_table("bundles")
