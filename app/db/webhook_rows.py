"""The tables of generic webhooks; app.db.rows has the others."""

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
)

from app.db.rows import metadata
from app.db.types import Utc

__all__ = ["callbacks", "hook_deliveries", "metadata", "webhooks"]

_ID = String(36)

webhooks = Table(
    "webhooks",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("secret", Text, nullable=False, comment="encrypted, with the one before it"),
    Column("previous_until", Utc, comment="how long the secret before is good too"),
    Column("agent", String(64), nullable=False),
    Column("template", Text, nullable=False),
    Column("dedupe", Text, nullable=False, comment="path into the payload, or header:NAME; empty: the body"),
    Column("bearer", Boolean, nullable=False, comment="the secret itself is taken too"),
    Column("callback_url", Text),
    Column("callback_secret", Text, nullable=False, comment="encrypted"),
    Column("enabled", Boolean, nullable=False),
    Column("created_at", Utc, nullable=False),
    Column("updated_at", Utc, nullable=False),
    Column(
        "used_at", Utc, comment="when a signed delivery came last; its write makes deliveries come in turn"
    ),
)

hook_deliveries = Table(
    "hook_deliveries",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("webhook", String(64), ForeignKey("webhooks.name", ondelete="CASCADE"), nullable=False),
    Column("received_at", Utc, nullable=False),
    Column("key", String(64), nullable=False, comment="what it has in common with its double"),
    Column("verdict", String(16), nullable=False),
    Column("detail", Text, nullable=False),
    Column("task_id", _ID, ForeignKey("tasks.id", ondelete="SET NULL"), index=True),
    Column("content_type", String(200), nullable=False),
    Column("size", Integer, nullable=False, comment="bytes before compression"),
    Column("body", LargeBinary, nullable=False, comment="zstd, as it came"),
    Index(None, "webhook", "key"),
    Index(None, "webhook", "received_at", "id"),
    Index(None, "received_at"),
)

callbacks = Table(
    "callbacks",
    metadata,
    Column("id", _ID, primary_key=True),
    # No key: a webhook that is deleted leaves its callbacks without a secret, and they fail with a sentence.
    Column("webhook", String(64), nullable=False),
    Column("task_id", _ID, ForeignKey("tasks.id", ondelete="CASCADE"), nullable=False, unique=True),
    Column("url", Text, nullable=False),
    Column("state", String(16), nullable=False, index=True),
    Column("ended_at", Utc, comment="that of the Task's end it is about"),
    Column("tries", Integer, nullable=False, server_default="0"),
    Column("next_at", Utc, comment="not before; set ahead by who takes it, should that one die"),
    Column("detail", Text, nullable=False, server_default=""),
    Column("fence", Integer, nullable=False, server_default="0", comment="raised by each who takes it"),
)
