"""Sessions that are being deleted take nothing new."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "sessions",
        sa.Column(
            "going",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment="being deleted: nothing is added any more",
        ),
    )


def downgrade() -> None:
    with op.batch_alter_table("sessions") as sessions:
        sessions.drop_column("going")
