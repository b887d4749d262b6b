"""What an Adapter is: all that is known about one CLI's flags and lines, with no I/O of its own.

The caller starts the program, feeds the Parser what it reads, stores the Events it gets back, ends the run
when `stop` is set, and asks `finish` how it went.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Literal, Protocol

from app.domain.agent import Agent
from app.domain.event import Event
from app.domain.reason import Reason, sentence
from app.domain.task import Tokens
from app.security.redact import Redactor


@dataclass(frozen=True, kw_only=True)
class Run:
    """What one Attempt asks of a CLI."""

    agent: Agent
    message: str
    #: The conversation's id, which stays the same over its Tasks.
    session_id: str
    #: Fresh for every Attempt: the CLI refuses an id that it has used before.
    new_session_id: str
    #: The CLI's session to go on with; None begins the new one.
    cli_session_id: str | None = None
    #: What that session had cost before this run, as the CLI counts it.
    previous_cost_usd: Decimal = Decimal(0)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a run went, by the CLI's own words and its exit."""

    state: Literal["succeeded", "failed"]
    reason: Reason | None = None
    #: What fills the `{detail}` of the sentence of `reason`, or of `attention`.
    detail: str = ""
    #: Finished, but worth a look.
    attention: Reason | None = None
    result: str | None = None
    #: It had given a good answer, whatever became of it afterwards.
    answered: bool = False
    #: This run's own part.
    cost_usd: Decimal = Decimal(0)
    #: What the run before this one had spent in the CLI's session when it was ended, and could not tell.
    earlier_usd: Decimal = Decimal(0)
    #: Cumulative over the CLI's session, as reported: the next run's `previous_cost_usd`.
    cli_cost_usd: Decimal = Decimal(0)
    tokens: Tokens = field(default_factory=Tokens)
    #: What the next run of the Session resumes.
    cli_session_id: str | None = None
    #: Seconds after which trying again may help, where the CLI told.
    retry_after: float | None = None
    #: The session to resume is not there (any more): a new one would do.
    resume_failed: bool = False
    #: The new session's id was used before: another one would do.
    session_in_use: bool = False

    def sentence(self, cli: str) -> str:
        """Return what a person reads about this end; empty where there is nothing to say."""
        reason = self.reason or self.attention
        return sentence(reason, cli=cli, detail=self.detail) if reason else ""


class Parser(Protocol):
    """Turns what one run prints into Events; nothing printed makes it raise, or grow without bound."""

    @property
    def stop(self) -> Outcome | None:
        """Set once nothing good can come of this run any more: the caller ends it now."""

    def feed(self, stdout: bytes) -> list[Event]:
        """Take bytes of standard output; return the Events they complete."""

    def feed_stderr(self, data: bytes) -> list[Event]:
        """Take bytes of standard error; return the Events they complete."""

    def finish(self, *, exit_code: int | None, signal: int | None) -> tuple[list[Event], Outcome]:
        """Both streams have ended: return the last Events and how the run went."""


class Cleaner(Protocol):
    """Takes secrets out of standard output as it comes; what may be the beginning of one waits."""

    def feed(self, data: bytes) -> bytes:
        """Take what was printed; return what can be shown."""

    def finish(self) -> bytes:
        """Return what waited: nothing follows it."""


class Adapter(Protocol):
    """One CLI: how it is called, and how it is understood."""

    @property
    def program(self) -> str | Path:
        """The name to look up on PATH, or the path of a program that comes with Errand."""

    @property
    def resumes(self) -> bool:
        """Whether it has sessions of its own, to go on with in the next run."""

    @property
    def signs_in_with(self) -> frozenset[str]:
        """The variables of which it takes the key it signs in with."""

    def argv(self, run: Run) -> list[str]:
        """Return the arguments after the program; never anything the user wrote."""

    def env(self, run: Run) -> Mapping[str, str]:
        """Return the variables this CLI is always given."""

    def stdin(self, run: Run) -> bytes:
        """Return all of its standard input."""

    def cleaner(self, redactor: Redactor) -> Cleaner:
        """Return a Cleaner for one run, which knows how this CLI spreads a text over its lines."""

    def parser(self, run: Run) -> Parser:
        """Return a Parser for one run, to be fed what is clean."""
