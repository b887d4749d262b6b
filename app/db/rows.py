"""The tables. Columns only: what may be done with them is in the modules named after their subject."""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from app.db.types import Usd, Utc

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

_ID = String(36)


def _tokens() -> list[Column[int]]:
    names = ("tokens_input", "tokens_output", "tokens_cache_read", "tokens_cache_write")
    return [Column(name, BigInteger, nullable=False, server_default="0") for name in names]


sessions = Table(
    "sessions",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("title", String(200), nullable=False),
    Column("agent", String(64), nullable=False),
    Column("created_at", Utc, nullable=False),
    Column("updated_at", Utc, nullable=False, comment="when a Task was last added or finished"),
    Column("cost_usd", Usd, nullable=False, server_default="0", comment="sum over its Tasks"),
    Column("tasks_made", Integer, nullable=False, server_default="0", comment="the newest Task's position"),
    Column(
        "going",
        Boolean,
        nullable=False,
        server_default=text("false"),
        comment="being deleted: nothing is added any more",
    ),
    Column("cli", String(64), comment="whose cli_session_id it is"),
    Column("cli_session_id", String(128), comment="what --resume takes; NULL before the first run"),
    Column(
        "cli_cost_usd", Usd, nullable=False, server_default="0", comment="cumulative, as the CLI reported it"
    ),
    Index(None, "updated_at", "id"),
)

tasks = Table(
    "tasks",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("session_id", _ID, ForeignKey("sessions.id", ondelete="CASCADE"), nullable=False),
    Column("position", Integer, nullable=False, comment="place in its Session, from 1"),
    Column("agent", String(64), nullable=False),
    Column("cli", String(64), nullable=False),
    Column("message", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("reason", String(32)),
    Column("detail", Text, nullable=False, server_default=""),
    Column("attention", String(32), comment="completed, but look at it: why"),
    Column("hold", String(32), comment="why a queued Task waits; session_busy is derived, never stored"),
    Column("held_by", String(64), index=True, comment="the Credential it waits for"),
    Column("not_before", Utc, comment="a queued Task is not claimed before"),
    Column("created_at", Utc, nullable=False),
    Column("started_at", Utc, comment="first claim"),
    Column("finished_at", Utc),
    Column("cost_usd", Usd, nullable=False, server_default="0", comment="sum over its Attempts"),
    *_tokens(),
    Column("result", Text),
    Column(
        "last_seq", BigInteger, nullable=False, server_default="0", comment="seq of the newest stored Event"
    ),
    Column("sandbox", String(16), nullable=False, server_default="none"),
    Column(
        "from_outside",
        Boolean,
        nullable=False,
        server_default=text("false"),
        comment="its text is a stranger's: it needs the sandbox's floor",
    ),
    Column(
        "workspace_trusted",
        Boolean,
        nullable=False,
        server_default=text("false"),
        comment="its workspace's own instructions were let in",
    ),
    Column(
        "attempt", Integer, nullable=False, server_default="0", comment="newest Attempt: the fencing token"
    ),
    Column(
        "failures",
        Integer,
        nullable=False,
        server_default="0",
        comment="Attempts that count against the limit",
    ),
    Column("max_attempts", Integer, nullable=False),
    Column("lease", BigInteger, nullable=False, server_default="0", comment="raised by each renewal"),
    Column("rung_at", Utc, comment="when a worker was last told; NULL: nobody was"),
    Column("cancel_requested", Boolean, nullable=False, server_default=text("false")),
    UniqueConstraint("session_id", "position"),
    Index("ix_tasks_created", "created_at", "id"),
    # Whether an earlier Task of the Session waits or runs, however many it has.
    Index("ix_tasks_session_state", "session_id", "state", "position"),
    Index("ix_tasks_state_created", "state", "created_at", "id"),
    # The last word on "one at a time per Session": two racing claims cannot both commit.
    Index(
        "uq_tasks_running_session",
        "session_id",
        unique=True,
        sqlite_where=text("state = 'running'"),
        postgresql_where=text("state = 'running'"),
    ),
)

attempts = Table(
    "attempts",
    metadata,
    Column("task_id", _ID, ForeignKey("tasks.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("state", String(16), nullable=False),
    Column("reason", String(32)),
    Column("detail", Text, nullable=False, server_default=""),
    Column("machine", String(200), nullable=False),
    Column("started_at", Utc, nullable=False),
    Column("finished_at", Utc),
    Column("renewals", Integer, nullable=False, server_default="0", comment="of its Lease"),
    Column("renewed_at", Utc, comment="the last of them, for people: no Lease is judged by it"),
    Column("exit_code", Integer),
    Column("sandbox", String(16), nullable=False, server_default="none"),
    Column("cost_usd", Usd, nullable=False, server_default="0"),
    *_tokens(),
)

chunks = Table(
    "chunks",
    metadata,
    Column("task_id", _ID, ForeignKey("tasks.id", ondelete="CASCADE"), primary_key=True),
    Column("last_seq", BigInteger, primary_key=True, autoincrement=False),
    Column("first_seq", BigInteger, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("payload", LargeBinary, nullable=False, comment="zstd of a JSON array of Events"),
)

outputs = Table(
    "outputs",
    metadata,
    Column("task_id", _ID, ForeignKey("tasks.id", ondelete="CASCADE"), primary_key=True),
    Column("attempt", Integer, primary_key=True, autoincrement=False),
    Column(
        "start", BigInteger, primary_key=True, autoincrement=False, comment="offset in the Attempt's stdout"
    ),
    Column("size", Integer, nullable=False, comment="bytes before compression"),
    Column("payload", LargeBinary, nullable=False, comment="zstd of stdout bytes as printed"),
)

ignored = Table(
    "ignored",
    metadata,
    Column("task_id", _ID, ForeignKey("tasks.id", ondelete="CASCADE"), primary_key=True),
    Column("why", String(32), primary_key=True),
    Column("count", Integer, nullable=False),
    Column("first_at", Utc, nullable=False),
    Column("last_at", Utc, nullable=False),
)

machines = Table(
    "machines",
    metadata,
    Column("id", String(200), primary_key=True, comment="one per process start"),
    Column("name", String(200), nullable=False),
    Column("role", String(16), nullable=False, comment="worker or control"),
    Column("version", String(32), nullable=False),
    Column("capacity", Integer, nullable=False),
    Column("running", Integer, nullable=False),
    Column("clis", JSON, nullable=False),
    Column("started_at", Utc, nullable=False),
    Column("seen_at", Utc, nullable=False),
    Column(
        "sweeps", BigInteger, nullable=False, server_default="0", comment="looks at all Leases that succeeded"
    ),
    Column("swept_at", Utc, comment="when `sweeps` was last seen to grow, by the database's clock"),
    Column("stopped_at", Utc, comment="it said goodbye"),
    Index(None, "role", "seen_at"),
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("key", String(255), primary_key=True),
    Column("fingerprint", String(64), nullable=False, comment="sha256 of the request it came with"),
    Column("task_id", _ID, ForeignKey("tasks.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("created_at", Utc, nullable=False),
)

credentials = Table(
    "credentials",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("variables", JSON, nullable=False, comment="the names of what it sets"),
    Column("secret", Text, nullable=False, comment="encrypted; the keys are not in the database"),
    Column("last4", String(4), nullable=False, comment="by which its owner knows it again"),
    Column("revision", Integer, nullable=False, comment="raised with each new value"),
    Column("created_at", Utc, nullable=False),
    Column("updated_at", Utc, nullable=False, comment="when it got this value"),
    Column("expires_at", Utc),
    Column("state", String(16), nullable=False),
    Column("detail", Text, nullable=False),
    Column("warned", String(4), comment="what was last said of its end"),
    Column("probes", Integer, nullable=False, comment="tries since it was refused"),
    Column("probe_at", Utc, comment="when one Task may try it again"),
    Column("probe_task", _ID, comment="the Task that tries it"),
    Column("refresher", _ID, comment="who refreshes it now"),
    Column("refresh_until", Utc, comment="and how long nobody else may, or tries"),
)

users = Table(
    "users",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("login", String(64), nullable=False),
    Column("login_key", String(64), nullable=False, comment="the login in lower case"),
    Column("role", String(16), nullable=False),
    Column("password", String(400), comment="scrypt, as Werkzeug writes it"),
    Column("github_id", BigInteger, comment="GitHub's number of the account; its login may change"),
    Column("disabled", Boolean, nullable=False, server_default=text("false")),
    Column("created_at", Utc, nullable=False),
    UniqueConstraint("login_key"),
    UniqueConstraint("github_id"),
)

logins = Table(
    "logins",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("secret", String(64), nullable=False, comment="sha256 of what the cookie holds"),
    Column(
        "user_id",
        _ID,
        ForeignKey("users.id", ondelete="CASCADE"),
        index=True,
        comment="NULL: the built-in admin",
    ),
    Column("mark", String(32), comment="of the admin token at that time; the built-in admin's only"),
    Column("via", String(16), nullable=False),
    Column("address", String(64), nullable=False),
    Column("agent", String(200), nullable=False, comment="the browser, as it calls itself"),
    Column("created_at", Utc, nullable=False),
    Column("seen_at", Utc, nullable=False, comment="to the minute"),
    Column("expires_at", Utc, nullable=False, index=True),
    UniqueConstraint("secret"),
)

api_tokens = Table(
    "api_tokens",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("secret", String(64), nullable=False, comment="sha256 of the token"),
    Column("hint", String(16), nullable=False, comment="how the token begins"),
    Column("name", String(100), nullable=False),
    Column("role", String(16), nullable=False),
    Column(
        "user_id",
        _ID,
        ForeignKey("users.id", ondelete="CASCADE"),
        index=True,
        comment="NULL: the built-in admin",
    ),
    Column("created_at", Utc, nullable=False),
    Column("expires_at", Utc),
    Column("used_at", Utc, comment="to the minute"),
    Column("revoked_at", Utc),
    UniqueConstraint("secret"),
)

links = Table(
    "links",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("secret", String(64), nullable=False, comment="sha256 of what the link holds"),
    Column("slot", String(64), nullable=False, comment="whom it lets in: admin, or a user's id"),
    Column("user_id", _ID, ForeignKey("users.id", ondelete="CASCADE"), index=True),
    Column("created_at", Utc, nullable=False),
    Column("expires_at", Utc, nullable=False),
    Column("used_at", Utc),
    Column("revoked_at", Utc),
    UniqueConstraint("secret"),
    # One that can be used per slot: of several processes that make one at the same time, one does.
    Index(
        "uq_links_open",
        "slot",
        unique=True,
        sqlite_where=text("used_at IS NULL AND revoked_at IS NULL"),
        postgresql_where=text("used_at IS NULL AND revoked_at IS NULL"),
    ),
)

audit = Table(
    "audit",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("at", Utc, nullable=False),
    Column("actor", String(64), nullable=False, comment="the name at that time"),
    Column("user_id", _ID, comment="no key: entries outlive users"),
    Column("address", String(64), nullable=False),
    Column("action", String(32), nullable=False),
    Column("object", String(200), nullable=False, server_default=""),
    Column("detail", Text, nullable=False, server_default=""),
    Column("request_id", String(64), nullable=False, server_default=""),
    Index(None, "at", "id"),
)
