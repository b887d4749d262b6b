"""The base every domain model shares: frozen, strict about unknown fields."""

from pydantic import BaseModel, ConfigDict


class Model(BaseModel):
    """An immutable value; an unknown field is a mistake, not an extension."""

    model_config = ConfigDict(frozen=True, extra="forbid")
