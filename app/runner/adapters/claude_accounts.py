"""What a run of Claude Code cost and used: its own part of counts that are cumulative over a session."""

from decimal import Decimal

from app.domain.task import Tokens
from app.runner.adapters import reading, storable
from app.runner.adapters.reading import Json

_MESSAGES = 64
#: Two sums of the same floats, taken in different orders, may differ by less than this.
_DUST = Decimal("1e-9")
_NOTHING = Tokens()


class Accounts:
    """Adds up the `result` lines of one run: there are several when background work wakes the agent again."""

    def __init__(self, previous_cost_usd: Decimal, *, resumed: bool = False) -> None:
        #: This run's own dollars and tokens.
        self.cost_usd = Decimal(0)
        self.tokens = Tokens()
        #: What the run before had spent when it was ended before its own `result` line.
        self.earlier_usd = Decimal(0)
        #: The session's dollars, as the CLI counts them.
        self.reported_usd = previous_cost_usd
        self._first_of_resumed = resumed

    def add(self, result: Json) -> None:
        """Take the counts of one `result` line."""
        total = storable.dollars(result.get("total_cost_usd"))
        grown = total if total is None or total < self.reported_usd else total - self.reported_usd
        own = _since_last(result)
        if own is None:
            own = grown
        elif grown is not None and self._first_of_resumed and grown - own > _DUST:
            self.earlier_usd = grown - own
        self._first_of_resumed = False
        self.cost_usd += own or 0
        self.reported_usd = self.reported_usd + (own or 0) if total is None else total
        self.tokens += _tokens_of(result)


def _since_last(result: Json) -> Decimal | None:
    models = _models(result)
    if models is None:
        return None
    costs = [storable.dollars(model.get("costUSD")) for model in models]
    return sum((cost for cost in costs if cost is not None), Decimal(0))


def _models(result: Json) -> list[Json] | None:
    """Return the counts per model since the line before; None where this version does not tell."""
    since = result.get("model_usage_since_last_result")
    return reading.values(since) if isinstance(since, dict) else None


def _tokens_of(result: Json) -> Tokens:
    """Prefer the count per model, even where it is empty: all was in the line before then.

    `usage` leaves subagents out, repeats what another line counted, and is 0 when the budget ended the run.
    """
    models = _models(result)
    if models is None:
        return usage_tokens(reading.obj(result, "usage"))
    return Tokens(
        input=sum(storable.count(model.get("inputTokens")) for model in models),
        output=sum(storable.count(model.get("outputTokens")) for model in models),
        cache_read=sum(storable.count(model.get("cacheReadInputTokens")) for model in models),
        cache_write=sum(storable.count(model.get("cacheCreationInputTokens")) for model in models),
    )


def usage_tokens(usage: Json) -> Tokens:
    """Return the tokens of an API `usage` object."""
    return Tokens(
        input=storable.count(usage.get("input_tokens")),
        output=storable.count(usage.get("output_tokens")),
        cache_read=storable.count(usage.get("cache_read_input_tokens")),
        cache_write=storable.count(usage.get("cache_creation_input_tokens")),
    )


class Meter:
    """The tokens so far while a run goes on; a message reports itself more than once, growing."""

    def __init__(self) -> None:
        #: The sum of all messages.
        self.total = Tokens()
        self._messages: dict[str, Tokens] = {}
        self._told = Tokens()

    def changed(self) -> bool:
        """Whether the sum has grown since this was last asked."""
        changed, self._told = self.total != self._told, self.total
        return changed

    def see(self, message_id: str, usage: Json) -> None:
        """Take what one message has used up to now."""
        if not usage:
            return
        old = self._messages.get(message_id, _NOTHING)
        new = _larger(usage_tokens(usage), old)
        if new == old:
            return
        self._messages[message_id] = new
        if len(self._messages) > _MESSAGES:
            self._messages.pop(next(iter(self._messages)))
        self.total = Tokens(
            input=self.total.input + new.input - old.input,
            output=self.total.output + new.output - old.output,
            cache_read=self.total.cache_read + new.cache_read - old.cache_read,
            cache_write=self.total.cache_write + new.cache_write - old.cache_write,
        )


def _larger(a: Tokens, b: Tokens) -> Tokens:
    return Tokens(
        input=max(a.input, b.input),
        output=max(a.output, b.output),
        cache_read=max(a.cache_read, b.cache_read),
        cache_write=max(a.cache_write, b.cache_write),
    )
