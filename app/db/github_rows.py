"""The tables of what comes from GitHub and goes back to it; app.db.rows has the others."""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from app.db.rows import metadata
from app.db.types import Utc

__all__ = ["bundles", "deliveries", "metadata", "replies", "threads"]

_ID = String(36)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", String(80), primary_key=True, comment="the source's own id, with the source before it"),
    Column("source", String(64), nullable=False),
    Column("event", String(64), nullable=False),
    Column("action", String(64)),
    Column("repository", String(200), comment="owner/name, as it was spelled then"),
    Column("sender", String(100)),
    Column("received_at", Utc, nullable=False),
    Column("content_type", String(100), nullable=False),
    Column("body", LargeBinary, nullable=False, comment="zstd of the bytes as received"),
    Column("state", String(16), nullable=False, comment="received: somebody still has to act on it"),
    Column("verdict", String(16), comment="NULL: not decided yet"),
    Column("code", String(64)),
    Column("reason", Text, nullable=False, server_default="", comment="the verdict, in words"),
    Column("object_key", String(200), comment="what was asked, where it led to something"),
    Column("task_id", _ID, ForeignKey("tasks.id", ondelete="SET NULL"), index=True),
    Column("tries", Integer, nullable=False, server_default="0", comment="that came to no end"),
    Column("not_before", Utc, comment="when the next try may begin"),
    Column("rung_at", Utc, comment="when control was last told; NULL: nobody was"),
    Column("done_at", Utc),
    UniqueConstraint("object_key"),
    Index("ix_deliveries_received", "received_at", "id"),
    Index("ix_deliveries_state", "state", "received_at"),
)

threads = Table(
    "threads",
    metadata,
    Column("repository_id", BigInteger, primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("repository", String(200), nullable=False, comment="owner/name, as it was last spelled"),
    Column("kind", String(16), nullable=False, comment="issue or pull_request"),
    Column("session_id", _ID, ForeignKey("sessions.id", ondelete="CASCADE"), nullable=False),
    UniqueConstraint("session_id"),
)

replies = Table(
    "replies",
    metadata,
    Column("id", _ID, primary_key=True, comment="what the comment's hidden mark holds"),
    Column("task_id", _ID, ForeignKey("tasks.id", ondelete="CASCADE"), comment="NULL: a notice"),
    Column("text", Text, comment="a notice's, as it is to be posted; a Task's is made when it is told"),
    Column("kind", String(16), nullable=False, comment="task, or what notice: help, status, nothing, paused"),
    Column("delivery_id", String(80), index=True, comment="no key: Replies outlive Deliveries"),
    Column("repository", String(200), nullable=False),
    Column("repository_id", BigInteger, nullable=False),
    Column("installation_id", BigInteger),
    Column("number", Integer, nullable=False),
    Column("requester_id", BigInteger, comment="NULL: nobody, such as a failed check"),
    Column("requester", String(100)),
    Column("by_bot", Boolean, nullable=False, server_default=text("false")),
    Column("trigger", JSON, nullable=False),
    Column("head", JSON(none_as_null=True), comment="the commit it is about; NULL for an issue"),
    Column("is_fork", Boolean, nullable=False, server_default=text("false"), comment="its head is elsewhere"),
    Column("reply_to", BigInteger, comment="the review comment whose thread it stands in"),
    Column("comment_id", BigInteger),
    Column("reaction_id", BigInteger, comment="of the eyes"),
    Column("check_run_id", BigInteger),
    Column("branch", String(255)),
    Column("pull_number", Integer),
    Column("result", JSON(none_as_null=True), comment="what was pushed, or why nothing was"),
    Column("state", String(16), nullable=False, comment="open or finished"),
    Column("told", String(64), comment="hash of what GitHub shows"),
    Column("next_at", Utc, comment="when it is to be looked at again; NULL: at once"),
    Column("tries", Integer, nullable=False, server_default="0"),
    Column("problem", Text),
    Column("fence", Integer, nullable=False, server_default="0", comment="raised by whoever keeps it now"),
    Column("created_at", Utc, nullable=False),
    Column("finished_at", Utc),
    UniqueConstraint("task_id"),
    Index("ix_replies_thread", "repository_id", "number", "created_at"),
    Index("ix_replies_requester", "requester_id", "created_at"),
    Index("ix_replies_branch", "repository_id", "branch"),
    Index("ix_replies_state", "state", "next_at"),
)

bundles = Table(
    "bundles",
    metadata,
    Column("task_id", _ID, ForeignKey("tasks.id", ondelete="CASCADE"), primary_key=True),
    Column("attempt", Integer, nullable=False, comment="the Attempt whose work it is"),
    Column("start", JSON, nullable=False, comment="branch, commit and base that it goes on top of"),
    Column("data", LargeBinary, nullable=False, comment="a git bundle; empty: nothing was committed"),
    Column("note", Text, nullable=False, server_default="", comment="what a person should know of it"),
    Column("created_at", Utc, nullable=False),
)
