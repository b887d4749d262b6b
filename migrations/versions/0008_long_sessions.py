"""Sessions of thousands of Tasks: claims that need not look at all, deletes that need not scan the keys."""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_tasks_session_state", "tasks", ["session_id", "state", "position"])
    op.create_index(op.f("ix_idempotency_keys_task_id"), "idempotency_keys", ["task_id"])


def downgrade() -> None:
    op.drop_index(op.f("ix_idempotency_keys_task_id"), "idempotency_keys")
    op.drop_index("ix_tasks_session_state", "tasks")
