"""The shapes of calls about credentials. What holds a value comes in and never goes out."""

from typing import Annotated

from pydantic import AwareDatetime, BaseModel, Field

from app.domain.agent import NAME_PATTERN
from app.domain.credential import CredentialState, Kind


class CredentialPath(BaseModel):
    """Which credential."""

    name: Annotated[str, Field(pattern=rf"^{NAME_PATTERN}$")]


class CredentialRow(BaseModel):
    """Which credential, or which workers' environment."""

    name: Annotated[str, Field(pattern=r"^[a-z][A-Za-z0-9:._-]{0,63}$")]


class CredentialIn(BaseModel):
    """A value to keep: variables, or what a signed-in Claude Code keeps."""

    variables: dict[str, str] | None = Field(None, description="Environment variables and their values.")
    claude: str | None = Field(None, description="The content of ~/.claude/.credentials.json.")
    expires_at: str | int | None = Field(None, description="When the variables' values end, where one knows.")


class CredentialOut(BaseModel):
    """A credential without its value."""

    name: str
    kind: Kind
    variables: list[str] = Field(description="Names of the variables it sets.")
    set: bool = Field(description="Whether a value is kept; false for what stands for an environment.")
    last4: str = Field(description="The end of its value; empty for a short one.")
    state: CredentialState
    detail: str = Field(description="Why it cannot be used, and what to do.")
    created_at: AwareDatetime
    updated_at: AwareDatetime
    expires_at: AwareDatetime | None
    retry_at: AwareDatetime | None = Field(description="When a refused one is tried again with one task.")
    waiting: int = Field(description="Tasks that wait for it.")


class CredentialList(BaseModel):
    """All credentials, by name."""

    items: list[CredentialOut]


class Released(BaseModel):
    """How many tasks go on."""

    released: int


class Rotated(BaseModel):
    """What is under the newest key now, and what could not be read."""

    rotated: list[str]
    unreadable: list[str]
