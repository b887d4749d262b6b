"""Users, their sign-ins, API tokens, sign-in links, and the audit."""

import sqlalchemy as sa
from alembic import op

from app.db.types import Utc

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_OPEN = sa.text("used_at IS NULL AND revoked_at IS NULL")


def upgrade() -> None:
    _users()
    _logins()
    _api_tokens()
    _links()
    _audit()


def _users() -> None:
    op.create_table(
        "users",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("login", sa.String(length=64), nullable=False),
        sa.Column("login_key", sa.String(length=64), nullable=False, comment="the login in lower case"),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("password", sa.String(length=400), comment="scrypt, as Werkzeug writes it"),
        sa.Column(
            "github_id", sa.BigInteger(), comment="GitHub's number of the account; its login may change"
        ),
        sa.Column("disabled", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("created_at", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("login_key", name=op.f("uq_users_login_key")),
        sa.UniqueConstraint("github_id", name=op.f("uq_users_github_id")),
    )


def _logins() -> None:
    op.create_table(
        "logins",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("secret", sa.String(length=64), nullable=False, comment="sha256 of what the cookie holds"),
        sa.Column("user_id", sa.String(length=36), comment="NULL: the built-in admin"),
        sa.Column(
            "mark",
            sa.String(length=32),
            comment="of the admin token at that time; the built-in admin's only",
        ),
        sa.Column("via", sa.String(length=16), nullable=False),
        sa.Column("address", sa.String(length=64), nullable=False),
        sa.Column("agent", sa.String(length=200), nullable=False, comment="the browser, as it calls itself"),
        sa.Column("created_at", Utc(), nullable=False),
        sa.Column("seen_at", Utc(), nullable=False, comment="to the minute"),
        sa.Column("expires_at", Utc(), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_logins_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_logins")),
        sa.UniqueConstraint("secret", name=op.f("uq_logins_secret")),
    )
    op.create_index(op.f("ix_logins_user_id"), "logins", ["user_id"])
    op.create_index(op.f("ix_logins_expires_at"), "logins", ["expires_at"])


def _api_tokens() -> None:
    op.create_table(
        "api_tokens",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("secret", sa.String(length=64), nullable=False, comment="sha256 of the token"),
        sa.Column("hint", sa.String(length=16), nullable=False, comment="how the token begins"),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("user_id", sa.String(length=36), comment="NULL: the built-in admin"),
        sa.Column("created_at", Utc(), nullable=False),
        sa.Column("expires_at", Utc()),
        sa.Column("used_at", Utc(), comment="to the minute"),
        sa.Column("revoked_at", Utc()),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_api_tokens_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_tokens")),
        sa.UniqueConstraint("secret", name=op.f("uq_api_tokens_secret")),
    )
    op.create_index(op.f("ix_api_tokens_user_id"), "api_tokens", ["user_id"])


def _links() -> None:
    op.create_table(
        "links",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("secret", sa.String(length=64), nullable=False, comment="sha256 of what the link holds"),
        sa.Column(
            "slot", sa.String(length=64), nullable=False, comment="whom it lets in: admin, or a user's id"
        ),
        sa.Column("user_id", sa.String(length=36)),
        sa.Column("created_at", Utc(), nullable=False),
        sa.Column("expires_at", Utc(), nullable=False),
        sa.Column("used_at", Utc()),
        sa.Column("revoked_at", Utc()),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_links_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_links")),
        sa.UniqueConstraint("secret", name=op.f("uq_links_secret")),
    )
    op.create_index(op.f("ix_links_user_id"), "links", ["user_id"])
    op.create_index(
        "uq_links_open", "links", ["slot"], unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN
    )


def _audit() -> None:
    op.create_table(
        "audit",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("at", Utc(), nullable=False),
        sa.Column("actor", sa.String(length=64), nullable=False, comment="the name at that time"),
        sa.Column("user_id", sa.String(length=36), comment="no key: entries outlive users"),
        sa.Column("address", sa.String(length=64), nullable=False),
        sa.Column("action", sa.String(length=32), nullable=False),
        sa.Column("object", sa.String(length=200), server_default="", nullable=False),
        sa.Column("detail", sa.Text(), server_default="", nullable=False),
        sa.Column("request_id", sa.String(length=64), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
    )
    op.create_index(op.f("ix_audit_at_id"), "audit", ["at", "id"])


def downgrade() -> None:
    for name in ("audit", "links", "api_tokens", "logins", "users"):
        op.drop_table(name)
