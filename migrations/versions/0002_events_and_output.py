"""Events and raw output of Attempts."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "chunks",
        sa.Column("task_id", sa.String(length=36), nullable=False),
        sa.Column("last_seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("first_seq", sa.BigInteger(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False, comment="zstd of a JSON array of Events"),
        sa.ForeignKeyConstraint(
            ["task_id"], ["tasks.id"], name=op.f("fk_chunks_task_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("task_id", "last_seq", name=op.f("pk_chunks")),
    )
    op.create_table(
        "outputs",
        sa.Column("task_id", sa.String(length=36), nullable=False),
        sa.Column("attempt", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column(
            "start",
            sa.BigInteger(),
            autoincrement=False,
            nullable=False,
            comment="offset in the Attempt's stdout",
        ),
        sa.Column("size", sa.Integer(), nullable=False, comment="bytes before compression"),
        sa.Column("payload", sa.LargeBinary(), nullable=False, comment="zstd of stdout bytes as printed"),
        sa.ForeignKeyConstraint(
            ["task_id"], ["tasks.id"], name=op.f("fk_outputs_task_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("task_id", "attempt", "start", name=op.f("pk_outputs")),
    )
    if op.get_bind().dialect.name == "postgresql":
        # The payloads are zstd already: a second compression costs time and saves nothing.
        for table in ("chunks", "outputs"):
            op.execute(f"ALTER TABLE {table} ALTER COLUMN payload SET STORAGE EXTERNAL")


def downgrade() -> None:
    op.drop_table("outputs")
    op.drop_table("chunks")
