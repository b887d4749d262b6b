"""WebhookConfig: an address of ours that turns a signed POST into a Task."""

from typing import Annotated

from pydantic import AfterValidator, ConfigDict, Field, SecretStr

from app.domain.agent import FALLBACK, NAME_PATTERN
from app.domain.model import Model

#: Shorter secrets can be guessed from one signed delivery.
SHORTEST_SECRET = 16


def _has_text(template: str) -> str:
    if not template.strip():
        raise ValueError("must say what the agent is asked to do")
    return template


class WebhookConfig(Model):
    """One webhook; `name` is part of its address, so the same rules hold as for an Agent's name."""

    model_config = ConfigDict(hide_input_in_errors=True)

    name: str = Field(pattern=rf"^{NAME_PATTERN}$")
    secret: Annotated[SecretStr, Field(min_length=SHORTEST_SECRET)]
    agent: str = Field(FALLBACK, pattern=rf"^{NAME_PATTERN}$")
    #: What the Task's message is made of; values of the payload are put in as plain text.
    template: Annotated[str, Field(max_length=65_536), AfterValidator(_has_text)]
    enabled: bool = True
