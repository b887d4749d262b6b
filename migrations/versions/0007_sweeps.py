"""Whether a Machine that is alive also watches over the Leases."""

import sqlalchemy as sa
from alembic import op

from app.db.types import Utc

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "machines",
        sa.Column(
            "sweeps",
            sa.BigInteger(),
            server_default="0",
            nullable=False,
            comment="looks at all Leases that succeeded",
        ),
    )
    op.add_column(
        "machines",
        sa.Column(
            "swept_at",
            Utc(),
            nullable=True,
            comment="when `sweeps` was last seen to grow, by the database's clock",
        ),
    )


def downgrade() -> None:
    with op.batch_alter_table("machines") as machines:
        machines.drop_column("swept_at")
        machines.drop_column("sweeps")
