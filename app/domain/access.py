"""Who may do what: roles, and the people, sign-ins, tokens and traces that carry them. Pure."""

from enum import StrEnum
from typing import Literal

from pydantic import AwareDatetime

from app.domain.model import Model

#: What everything is called that is done by the holder of the admin token or of a sign-in link.
BUILT_IN = "admin"

#: What a user's login looks like; two that differ in case only are one.
LOGIN_PATTERN = r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}"

#: How somebody signed in.
Via = Literal["token", "link", "password", "github"]


class UserRole(StrEnum):
    """What somebody may do; each may do all that the one before may."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"

    def covers(self, needed: "UserRole") -> bool:
        """Whether this is enough for what needs `needed`."""
        return _ORDER.index(self) >= _ORDER.index(needed)

    def at_most(self, other: "UserRole") -> "UserRole":
        """Return the lesser of the two."""
        return other if self.covers(other) else self


_ORDER = tuple(UserRole)


class User(Model):
    """Somebody who signs in under a name of their own."""

    id: str
    login: str
    role: UserRole
    disabled: bool
    has_password: bool
    #: Signs in with GitHub, or may.
    github: bool
    created_at: AwareDatetime


class SignedInAs(Model):
    """A sign-in that is good now, and whose it is; without a user it is the built-in admin's."""

    id: str
    user_id: str | None
    name: str
    role: UserRole
    via: Via
    created_at: AwareDatetime
    seen_at: AwareDatetime


class Login(Model):
    """A browser that is signed in, as its owner sees it in a list."""

    id: str
    via: Via
    address: str
    agent: str
    created_at: AwareDatetime
    seen_at: AwareDatetime
    expires_at: AwareDatetime


class ApiToken(Model):
    """An API token, without what it is."""

    id: str
    name: str
    #: How it begins, to tell it from others.
    hint: str
    #: Already no more than its owner's.
    role: UserRole
    user_id: str | None
    owner: str
    created_at: AwareDatetime
    expires_at: AwareDatetime | None
    used_at: AwareDatetime | None
    revoked_at: AwareDatetime | None


class Entry(Model):
    """One line of the audit: who did what, from where; never a secret."""

    actor: str
    user_id: str | None = None
    address: str
    action: str
    object: str = ""
    detail: str = ""
    request_id: str = ""


class Recorded(Entry):
    """An Entry as it is stored."""

    id: str
    at: AwareDatetime
