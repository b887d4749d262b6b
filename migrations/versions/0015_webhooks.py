"""Generic webhooks, what came to them, and who is told of the end."""

import sqlalchemy as sa
from alembic import op

from app.db.types import Utc

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _create_webhooks()
    _create_hook_deliveries()
    _create_callbacks()


def _create_webhooks() -> None:
    op.create_table(
        "webhooks",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False, comment="encrypted, with the one before it"),
        sa.Column("previous_until", Utc(), nullable=True, comment="how long the secret before is good too"),
        sa.Column("agent", sa.String(length=64), nullable=False),
        sa.Column("template", sa.Text(), nullable=False),
        sa.Column(
            "dedupe",
            sa.Text(),
            nullable=False,
            comment="path into the payload, or header:NAME; empty: the body",
        ),
        sa.Column("bearer", sa.Boolean(), nullable=False, comment="the secret itself is taken too"),
        sa.Column("callback_url", sa.Text(), nullable=True),
        sa.Column("callback_secret", sa.Text(), nullable=False, comment="encrypted"),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("created_at", Utc(), nullable=False),
        sa.Column("updated_at", Utc(), nullable=False),
        sa.Column(
            "used_at",
            Utc(),
            nullable=True,
            comment="when a signed delivery came last; its write makes deliveries come in turn",
        ),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_webhooks")),
    )


def _create_hook_deliveries() -> None:
    op.create_table(
        "hook_deliveries",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("webhook", sa.String(length=64), nullable=False),
        sa.Column("received_at", Utc(), nullable=False),
        sa.Column(
            "key", sa.String(length=64), nullable=False, comment="what it has in common with its double"
        ),
        sa.Column("verdict", sa.String(length=16), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("task_id", sa.String(length=36), nullable=True),
        sa.Column("content_type", sa.String(length=200), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False, comment="bytes before compression"),
        sa.Column("body", sa.LargeBinary(), nullable=False, comment="zstd, as it came"),
        sa.ForeignKeyConstraint(
            ["webhook"], ["webhooks.name"], name=op.f("fk_hook_deliveries_webhook"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["task_id"], ["tasks.id"], name=op.f("fk_hook_deliveries_task_id"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hook_deliveries")),
    )
    for columns in (["webhook", "key"], ["webhook", "received_at", "id"], ["received_at"], ["task_id"]):
        op.create_index(op.f(f"ix_hook_deliveries_{'_'.join(columns)}"), "hook_deliveries", columns)


def _create_callbacks() -> None:
    op.create_table(
        "callbacks",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("webhook", sa.String(length=64), nullable=False),
        sa.Column("task_id", sa.String(length=36), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("ended_at", Utc(), nullable=True, comment="that of the Task's end it is about"),
        sa.Column("tries", sa.Integer(), nullable=False, server_default="0"),
        sa.Column(
            "next_at",
            Utc(),
            nullable=True,
            comment="not before; set ahead by who takes it, should that one die",
        ),
        sa.Column("detail", sa.Text(), nullable=False, server_default=""),
        sa.Column(
            "fence",
            sa.Integer(),
            nullable=False,
            server_default="0",
            comment="raised by each who takes it",
        ),
        sa.ForeignKeyConstraint(
            ["task_id"], ["tasks.id"], name=op.f("fk_callbacks_task_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_callbacks")),
        sa.UniqueConstraint("task_id", name=op.f("uq_callbacks_task_id")),
    )
    op.create_index(op.f("ix_callbacks_state"), "callbacks", ["state"])


def downgrade() -> None:
    op.drop_table("callbacks")
    op.drop_table("hook_deliveries")
    op.drop_table("webhooks")
