"""At which level each Attempt ran, whose text it was given, and whether its workspace was trusted."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "attempts", sa.Column("sandbox", sa.String(length=16), server_default="none", nullable=False)
    )
    op.add_column(
        "tasks",
        sa.Column(
            "from_outside",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment="its text is a stranger's: it needs the sandbox's floor",
        ),
    )
    op.add_column(
        "tasks",
        sa.Column(
            "workspace_trusted",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment="its workspace's own instructions were let in",
        ),
    )


def downgrade() -> None:
    with op.batch_alter_table("tasks") as tasks:
        tasks.drop_column("workspace_trusted")
        tasks.drop_column("from_outside")
    with op.batch_alter_table("attempts") as attempts:
        attempts.drop_column("sandbox")
