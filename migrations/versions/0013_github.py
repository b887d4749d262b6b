"""What comes from GitHub and goes back to it: Deliveries, threads and their Sessions, Replies."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from app.db.types import Utc

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _create_threads()
    _create_deliveries()
    _create_replies()


def _create_threads() -> None:
    op.create_table(
        "threads",
        sa.Column("repository_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column(
            "repository", sa.String(length=200), nullable=False, comment="owner/name, as it was last spelled"
        ),
        sa.Column("kind", sa.String(length=16), nullable=False, comment="issue or pull_request"),
        sa.Column("session_id", sa.String(length=36), nullable=False),
        sa.ForeignKeyConstraint(
            ["session_id"], ["sessions.id"], name=op.f("fk_threads_session_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("repository_id", "number", name=op.f("pk_threads")),
        sa.UniqueConstraint("session_id", name=op.f("uq_threads_session_id")),
    )


def _create_deliveries() -> None:
    op.create_table(
        "deliveries",
        sa.Column(
            "id",
            sa.String(length=80),
            nullable=False,
            comment="the source's own id, with the source before it",
        ),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("event", sa.String(length=64), nullable=False),
        sa.Column("action", sa.String(length=64), nullable=True),
        sa.Column(
            "repository", sa.String(length=200), nullable=True, comment="owner/name, as it was spelled then"
        ),
        sa.Column("sender", sa.String(length=100), nullable=True),
        sa.Column("received_at", Utc(), nullable=False),
        sa.Column("content_type", sa.String(length=100), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False, comment="zstd of the bytes as received"),
        sa.Column(
            "state", sa.String(length=16), nullable=False, comment="received: somebody still has to act on it"
        ),
        sa.Column("verdict", sa.String(length=16), nullable=True, comment="NULL: not decided yet"),
        sa.Column("code", sa.String(length=64), nullable=True),
        sa.Column("reason", sa.Text(), server_default="", nullable=False, comment="the verdict, in words"),
        sa.Column(
            "object_key",
            sa.String(length=200),
            nullable=True,
            comment="what was asked, where it led to something",
        ),
        sa.Column("task_id", sa.String(length=36), nullable=True),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False, comment="that came to no end"),
        sa.Column("not_before", Utc(), nullable=True, comment="when the next try may begin"),
        sa.Column("rung_at", Utc(), nullable=True, comment="when control was last told; NULL: nobody was"),
        sa.Column("done_at", Utc(), nullable=True),
        sa.ForeignKeyConstraint(
            ["task_id"], ["tasks.id"], name=op.f("fk_deliveries_task_id"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deliveries")),
        sa.UniqueConstraint("object_key", name=op.f("uq_deliveries_object_key")),
    )
    op.create_index("ix_deliveries_received", "deliveries", ["received_at", "id"])
    op.create_index("ix_deliveries_state", "deliveries", ["state", "received_at"])
    op.create_index(op.f("ix_deliveries_task_id"), "deliveries", ["task_id"])


def _create_replies() -> None:
    op.create_table(
        "replies",
        *_asked(),
        *_told(),
        sa.ForeignKeyConstraint(
            ["task_id"], ["tasks.id"], name=op.f("fk_replies_task_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_replies")),
        sa.UniqueConstraint("task_id", name=op.f("uq_replies_task_id")),
    )
    op.create_index("ix_replies_branch", "replies", ["repository_id", "branch"])
    op.create_index(op.f("ix_replies_delivery_id"), "replies", ["delivery_id"])
    op.create_index("ix_replies_requester", "replies", ["requester_id", "created_at"])
    op.create_index("ix_replies_state", "replies", ["state", "next_at"])
    op.create_index("ix_replies_thread", "replies", ["repository_id", "number", "created_at"])


def _asked() -> tuple[sa.Column[Any], ...]:
    return (
        sa.Column("id", sa.String(length=36), nullable=False, comment="what the comment's hidden mark holds"),
        sa.Column("task_id", sa.String(length=36), nullable=True, comment="NULL: a notice"),
        sa.Column(
            "text",
            sa.Text(),
            nullable=True,
            comment="a notice's, as it is to be posted; a Task's is made when it is told",
        ),
        sa.Column(
            "kind",
            sa.String(length=16),
            nullable=False,
            comment="task, or what notice: help, status, nothing, paused",
        ),
        sa.Column(
            "delivery_id", sa.String(length=80), nullable=True, comment="no key: Replies outlive Deliveries"
        ),
        sa.Column("repository", sa.String(length=200), nullable=False),
        sa.Column("repository_id", sa.BigInteger(), nullable=False),
        sa.Column("installation_id", sa.BigInteger(), nullable=True),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column(
            "requester_id", sa.BigInteger(), nullable=True, comment="NULL: nobody, such as a failed check"
        ),
        sa.Column("requester", sa.String(length=100), nullable=True),
        sa.Column("by_bot", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("trigger", sa.JSON(), nullable=False),
        sa.Column("head", sa.JSON(), nullable=True, comment="the commit it is about; NULL for an issue"),
        sa.Column(
            "is_fork",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment="its head is elsewhere",
        ),
        sa.Column(
            "reply_to", sa.BigInteger(), nullable=True, comment="the review comment whose thread it stands in"
        ),
    )


def _told() -> tuple[sa.Column[Any], ...]:
    return (
        sa.Column("comment_id", sa.BigInteger(), nullable=True),
        sa.Column("reaction_id", sa.BigInteger(), nullable=True, comment="of the eyes"),
        sa.Column("check_run_id", sa.BigInteger(), nullable=True),
        sa.Column("branch", sa.String(length=255), nullable=True),
        sa.Column("pull_number", sa.Integer(), nullable=True),
        sa.Column("result", sa.JSON(), nullable=True, comment="what was pushed, or why nothing was"),
        sa.Column("state", sa.String(length=16), nullable=False, comment="open or finished"),
        sa.Column("told", sa.String(length=64), nullable=True, comment="hash of what GitHub shows"),
        sa.Column("next_at", Utc(), nullable=True, comment="when it is to be looked at again; NULL: at once"),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.Column(
            "fence",
            sa.Integer(),
            server_default="0",
            nullable=False,
            comment="raised by whoever keeps it now",
        ),
        sa.Column("created_at", Utc(), nullable=False),
        sa.Column("finished_at", Utc(), nullable=True),
    )


def downgrade() -> None:
    op.drop_table("replies")
    op.drop_table("deliveries")
    op.drop_table("threads")
