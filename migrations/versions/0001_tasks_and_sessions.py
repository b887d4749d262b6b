"""Sessions, Tasks and their Attempts."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from app.db.types import Usd, Utc

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    _sessions()
    _tasks()
    _tasks_indexes()
    _attempts()


def _sessions() -> None:
    op.create_table(
        "sessions",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("agent", sa.String(length=64), nullable=False),
        sa.Column("created_at", Utc(), nullable=False),
        sa.Column("updated_at", Utc(), nullable=False, comment="when a Task was last added or finished"),
        sa.Column("cost_usd", Usd(), server_default="0", nullable=False, comment="sum over its Tasks"),
        sa.Column(
            "tasks_made",
            sa.Integer(),
            server_default="0",
            nullable=False,
            comment="the newest Task's position",
        ),
        sa.Column("cli", sa.String(length=64), nullable=True, comment="whose cli_session_id it is"),
        sa.Column(
            "cli_session_id",
            sa.String(length=128),
            nullable=True,
            comment="what --resume takes; NULL before the first run",
        ),
        sa.Column(
            "cli_cost_usd",
            Usd(),
            server_default="0",
            nullable=False,
            comment="cumulative, as the CLI reported it",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sessions")),
    )
    op.create_index(op.f("ix_sessions_updated_at_id"), "sessions", ["updated_at", "id"], unique=False)


def _tasks() -> None:
    op.create_table(
        "tasks",
        *_asked(),
        *_ran(),
        sa.ForeignKeyConstraint(
            ["session_id"], ["sessions.id"], name=op.f("fk_tasks_session_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tasks")),
        sa.UniqueConstraint("session_id", "position", name=op.f("uq_tasks_session_id_position")),
    )


def _asked() -> tuple[sa.Column[Any], ...]:
    return (
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("session_id", sa.String(length=36), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False, comment="place in its Session, from 1"),
        sa.Column("agent", sa.String(length=64), nullable=False),
        sa.Column("cli", sa.String(length=64), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=True),
        sa.Column("detail", sa.Text(), server_default="", nullable=False),
        sa.Column("attention", sa.String(length=32), nullable=True, comment="completed, but look at it: why"),
        sa.Column(
            "hold",
            sa.String(length=32),
            nullable=True,
            comment="why a queued Task waits; session_busy is derived, never stored",
        ),
        sa.Column("not_before", Utc(), nullable=True, comment="a queued Task is not claimed before"),
        sa.Column("created_at", Utc(), nullable=False),
        sa.Column("started_at", Utc(), nullable=True, comment="first claim"),
        sa.Column("finished_at", Utc(), nullable=True),
    )


def _ran() -> tuple[sa.Column[Any], ...]:
    return (
        sa.Column("cost_usd", Usd(), server_default="0", nullable=False, comment="sum over its Attempts"),
        sa.Column("tokens_input", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("tokens_output", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("tokens_cache_read", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("tokens_cache_write", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("result", sa.Text(), nullable=True),
        sa.Column(
            "last_seq",
            sa.BigInteger(),
            server_default="0",
            nullable=False,
            comment="seq of the newest stored Event",
        ),
        sa.Column("sandbox", sa.String(length=16), server_default="none", nullable=False),
        sa.Column(
            "attempt",
            sa.Integer(),
            server_default="0",
            nullable=False,
            comment="newest Attempt: the fencing token",
        ),
        sa.Column(
            "failures",
            sa.Integer(),
            server_default="0",
            nullable=False,
            comment="Attempts that count against the limit",
        ),
        sa.Column("max_attempts", sa.Integer(), nullable=False),
        sa.Column(
            "lease", sa.BigInteger(), server_default="0", nullable=False, comment="raised by each renewal"
        ),
        sa.Column("rung_at", Utc(), nullable=True, comment="when a worker was last told; NULL: nobody was"),
        sa.Column("cancel_requested", sa.Boolean(), server_default=sa.text("false"), nullable=False),
    )


def _tasks_indexes() -> None:
    op.create_index("ix_tasks_created", "tasks", ["created_at", "id"], unique=False)
    op.create_index("ix_tasks_state_created", "tasks", ["state", "created_at", "id"], unique=False)
    op.create_index(
        "uq_tasks_running_session",
        "tasks",
        ["session_id"],
        unique=True,
        sqlite_where=sa.text("state = 'running'"),
        postgresql_where=sa.text("state = 'running'"),
    )


def _attempts() -> None:
    op.create_table(
        "attempts",
        sa.Column("task_id", sa.String(length=36), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=True),
        sa.Column("detail", sa.Text(), server_default="", nullable=False),
        sa.Column("machine", sa.String(length=200), nullable=False),
        sa.Column("started_at", Utc(), nullable=False),
        sa.Column("finished_at", Utc(), nullable=True),
        sa.Column("exit_code", sa.Integer(), nullable=True),
        sa.Column("cost_usd", Usd(), server_default="0", nullable=False),
        sa.Column("tokens_input", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("tokens_output", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("tokens_cache_read", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("tokens_cache_write", sa.BigInteger(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(
            ["task_id"], ["tasks.id"], name=op.f("fk_attempts_task_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("task_id", "number", name=op.f("pk_attempts")),
    )


def downgrade() -> None:
    op.drop_table("attempts")
    op.drop_table("tasks")
    op.drop_table("sessions")
