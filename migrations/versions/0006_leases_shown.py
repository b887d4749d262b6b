"""How often the Lease of each Attempt was renewed, and when last."""

import sqlalchemy as sa
from alembic import op

from app.db.types import Utc

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "attempts",
        sa.Column("renewals", sa.Integer(), server_default="0", nullable=False, comment="of its Lease"),
    )
    op.add_column(
        "attempts",
        sa.Column(
            "renewed_at",
            Utc(),
            nullable=True,
            comment="the last of them, for people: no Lease is judged by it",
        ),
    )


def downgrade() -> None:
    with op.batch_alter_table("attempts") as attempts:
        attempts.drop_column("renewed_at")
        attempts.drop_column("renewals")
