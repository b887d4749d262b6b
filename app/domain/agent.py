"""An Agent as its agent.toml describes it, validated."""

import re
from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, StrictBool, StrictInt, field_validator, model_validator

from app.domain.model import Model
from app.domain.sandbox import Network, Wanted

NAME_PATTERN = r"[a-z][a-z0-9-]{0,40}"
FALLBACK = "brain"

#: Errand's own settings and secrets, what it sets for each Session, and what would change how programs start:
#: no CLI gets them, even where its Agent asks for them.
WITHHELD = re.compile(
    r"(?:ERRAND|GITHUB|CELERY|LD|DYLD)_.*|DATABASE_URL|REDIS_URL|SECRET_KEY|PORT|WEB_CONCURRENCY|HOME|TMPDIR",
    re.IGNORECASE,
)


def is_name(text: str) -> bool:
    """Whether `text` may name an Agent; everything that could leave the agents folder is not a name."""
    return re.fullmatch(NAME_PATTERN, text) is not None


def _number(value: object) -> object:
    # pydantic would read true as 1 and "60" as 60; in a TOML file both are slips.
    if isinstance(value, bool | str):
        raise ValueError("must be a number")  # noqa: TRY004 - pydantic takes only this for a refusal
    return value


#: What `args` may hold, replaced for each run; other braces stand for themselves.
PLACEHOLDER = re.compile(r"\{(model|max_turns|session_id)\}")

PermissionMode = Literal["default", "manual", "acceptEdits", "dontAsk", "plan", "bypassPermissions"]
Seconds = Annotated[float, BeforeValidator(_number), Field(gt=0, allow_inf_nan=False)]
Dollars = Annotated[Decimal, BeforeValidator(_number), Field(gt=0, allow_inf_nan=False)]


class Agent(Model):
    """One agents/NAME/agent.toml; every field but `cli` has a default."""

    name: str = Field(pattern=rf"^{NAME_PATTERN}$")
    cli: str = Field(min_length=1, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    description: str = ""
    model: str | None = None
    permission_mode: PermissionMode = "dontAsk"
    allowed_tools: tuple[str, ...] = ()
    max_turns: Annotated[StrictInt, Field(gt=0)] | None = None
    budget_usd: Dollars | None = None
    #: Seconds; None takes ERRAND_TASK_TIMEOUT and ERRAND_IDLE_TIMEOUT.
    timeout: Seconds | None = None
    idle_timeout: Seconds | None = None
    #: Names of the worker's environment variables that are passed through to the CLI.
    env: tuple[str, ...] = ()
    #: Names of stored Credentials that are handed to the CLI, and to no other Agent's.
    credentials: tuple[str, ...] = ()
    sandbox: Wanted = "auto"
    #: "none" takes the network away; "proxy" points at ERRAND_AGENT_PROXY.
    network: Network = "open"
    trust_workspace: StrictBool = False
    #: For a cli without an adapter of its own: argv after the program, each PLACEHOLDER filled in; the prompt
    #: always comes on stdin.
    args: tuple[str, ...] = ()

    @field_validator("model")
    @classmethod
    def _model_is_no_flag(cls, model: str | None) -> str | None:
        if model is not None and (not model or model.startswith("-")):
            raise ValueError("must not be empty or begin with '-'")
        return model

    @field_validator("allowed_tools")
    @classmethod
    def _tools_are_no_flags(cls, tools: tuple[str, ...]) -> tuple[str, ...]:
        for tool in tools:
            if not re.fullmatch(r"[A-Za-z_][^\x00-\x1f]*", tool):
                raise ValueError(f"{tool!r} is not the name of a tool")
        return tools

    @field_validator("args")
    @classmethod
    def _args_without_nul(cls, args: tuple[str, ...]) -> tuple[str, ...]:
        if any("\0" in arg for arg in args):
            raise ValueError("must not contain NUL")
        return args

    @model_validator(mode="after")
    def _placeholders_have_values(self) -> Self:
        for field in ("model", "max_turns"):
            if getattr(self, field) is None and any(f"{{{field}}}" in arg for arg in self.args):
                raise ValueError(f"args holds {{{field}}}, and {field} is not set")
        return self

    @field_validator("credentials")
    @classmethod
    def _credential_names(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if not is_name(name):
                raise ValueError(f"{name!r} is not the name of a credential")
        return names

    @field_validator("env")
    @classmethod
    def _env_names(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
                raise ValueError(f"{name!r} is not the name of an environment variable")
            if WITHHELD.fullmatch(name):
                raise ValueError(f"{name} is Errand's own and is never given to a CLI")
        return names


class Problem(Model):
    """Something in agents/ that a person has to mend: which file, which line, what about it."""

    agent: str
    #: As a person finds it: relative to the folder that holds the agents folder.
    file: str
    line: int | None = None
    message: str
    #: An "error" makes the Agent unusable; a "warning" does not.
    level: Literal["error", "warning"] = "error"

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}, line {self.line}"
        return f"{place}: {self.message}"
