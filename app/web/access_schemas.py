"""The shapes of users, sign-ins, tokens and the audit, as pydantic models."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, Field, StringConstraints

from app.domain.access import LOGIN_PATTERN, UserRole, Via
from app.security.passwords import LONGEST, SHORTEST
from app.web.schemas import Cursor, PageSize

LoginName = Annotated[str, StringConstraints(pattern=f"^{LOGIN_PATTERN}$")]
Password = Annotated[str, StringConstraints(min_length=SHORTEST, max_length=LONGEST)]
#: A line of text without control characters.
Line = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$")]


class AccountOut(BaseModel):
    """Who asks, and what they may do."""

    name: str
    role: UserRole
    user_id: UUID | None
    built_in: bool = Field(description="Came in by the admin token or a link from the machine, as no user.")
    via: Literal["bearer", "cookie", "open"]
    may_set_password: bool
    needs_old_password: bool
    first_user: bool = Field(description="There are no users yet.")
    auth: Literal["required", "none"]


class NewOwnUser(BaseModel):
    """The login and password of the first admin."""

    login: LoginName
    password: Password


class PasswordChange(BaseModel):
    """The new password, and the old one where there is one."""

    password: Password
    old: str | None = Field(None, max_length=LONGEST)


class ThereQuery(BaseModel):
    """Where to go on after GitHub."""

    next: str | None = Field(None, max_length=2000, description="A path of this server.")


class BackQuery(BaseModel):
    """What GitHub sends the browser back with."""

    code: str | None = Field(None, max_length=500)
    state: str | None = Field(None, max_length=200)


class LoginPath(BaseModel):
    """Which sign-in."""

    login_id: UUID


class LoginOut(BaseModel):
    """A browser that is signed in."""

    id: UUID
    via: Via
    address: str
    agent: str
    created_at: AwareDatetime
    seen_at: AwareDatetime
    expires_at: AwareDatetime
    this: bool = Field(description="The one that asks.")


class LoginList(BaseModel):
    """The browsers that are signed in, last used first."""

    items: list[LoginOut]


class UserRequest(BaseModel):
    """A user who is to be."""

    login: LoginName
    role: UserRole = UserRole.VIEWER
    password: Password | None = Field(None, description="Without one, the answer has a link to choose one.")


class UserChange(BaseModel):
    """What is to be another way; what is left out stays."""

    role: UserRole | None = None
    disabled: bool | None = None


class UserPath(BaseModel):
    """Which user."""

    user_id: UUID


class UserOut(BaseModel):
    """A user."""

    id: UUID
    login: str
    role: UserRole
    disabled: bool
    has_password: bool
    github: bool
    created_at: AwareDatetime


class UserList(BaseModel):
    """All users, by login."""

    items: list[UserOut]


class LinkOut(BaseModel):
    """A sign-in link, shown this once."""

    url: str
    expires_at: AwareDatetime


class UserWithLink(UserOut):
    """A user who was made, and the link that lets them in."""

    link: LinkOut | None


class TokenRequest(BaseModel):
    """An API token that is to be."""

    name: Line
    role: UserRole = UserRole.OPERATOR
    days: Annotated[int, Field(ge=1, le=3650)] | None = Field(
        90, description="How long it is good; null: for ever."
    )


class TokenPath(BaseModel):
    """Which token."""

    token_id: UUID


class TokenOut(BaseModel):
    """An API token, without what it is."""

    id: UUID
    name: str
    hint: str = Field(description="How it begins.")
    role: UserRole
    user_id: UUID | None
    owner: str
    created_at: AwareDatetime
    expires_at: AwareDatetime | None
    used_at: AwareDatetime | None = Field(description="To the minute.")
    revoked_at: AwareDatetime | None


class TokenWithSecret(TokenOut):
    """A token that was made; nobody can show it again."""

    token: str


class TokenList(BaseModel):
    """Tokens that were not revoked, newest first."""

    items: list[TokenOut]


class AuditQuery(BaseModel):
    """Which entries."""

    action: Annotated[str | None, Field(max_length=32)] = None
    actor: Annotated[str | None, Field(max_length=64)] = None
    limit: PageSize = 50
    cursor: Cursor = None


class EntryOut(BaseModel):
    """Who did what, from where."""

    id: UUID
    at: AwareDatetime
    actor: str
    user_id: str | None
    address: str
    action: str
    object: str
    detail: str
    request_id: str


class AuditPage(BaseModel):
    """Entries, newest first."""

    items: list[EntryOut]
    next_cursor: str | None
