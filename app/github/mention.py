"""The grammar of asking: a mention in prose, the agent it picks, the command it gives."""

import re
from collections.abc import Iterable

from app.domain.trigger import Command, Mention
from app.github.prose import hiding_place, said

#: Before the word: nothing that would make it a part of an address, a path or a longer word.
_BEFORE = r"(?<![\w/@.+\-=&#%~$\\:])"
#: After it: no longer name (@agent-x), address (@agent.com), team (@agent/x) or possessive (@agent's).
_AFTER = r"(?![\w/@\\-]|\.\w|:\w|[’']\w|\[bot\])"  # noqa: RUF001 - the apostrophe people's keyboards write
#: White space within a line, the no-break space of some keyboards too.
_GAP = r"[^\S\r\n]*"
_AGENT = re.compile(
    rf"{_GAP}(?:/(?P<slash>[a-z][a-z0-9-]*)(?![\w/.-])|(?P<name>[a-z][a-z0-9-]*):(?!\S)){_GAP}", re.IGNORECASE
)
_COMMANDS = "|".join(command for command in Command if command is not Command.ASK)
#: As people write it who read of it: in bold, as code, with the slash that agents have.
_COMMAND = re.compile(rf"[\s,:*_`]*/?({_COMMANDS})[\s.!?*_`]*", re.IGNORECASE)
_LINE = re.compile(r"[^\n]*")
#: What joins a mention to what follows it.
_JOINT = re.compile(rf"{_GAP}[,:;.!]?{_GAP}")
_EMPHASIS = re.compile(r"[*_]{1,3}\Z")
#: GitHub takes 65,536 characters; a mention further on is not read.
LONGEST = 4 * 65_536
#: `/plan` stands for `planning`, but one letter stands for nothing.
_SHORTEST_PREFIX = 3


def find_mention(text: str, *, word: str, agents: Iterable[str] = ()) -> Mention | None:
    """Return the first time `word` addresses us in the prose of `text`, or None.

    The instruction is the whole text without the mention (and without the agent it picks), because what
    stands before it is usually what it is about. `agents` are the names that can be picked; any other
    word before a colon or behind a slash is a part of the instruction.
    """
    text = text[:LONGEST]
    found = said(text, mention_pattern(word).finditer(text))
    return _read(text, found[0], frozenset(agents)) if found else None


def mentions(text: str, *, word: str) -> bool:
    """Tell whether `text` has `word` at all, wherever: for saying why nothing was asked."""
    return word.casefold() in text.casefold()


def mention_place(text: str, *, word: str) -> str | None:
    """Return in what the first mention stands that asks for nothing, such as "a quote"; for saying why."""
    text = text[:LONGEST]
    return hiding_place(text, mention_pattern(word).finditer(text))


def mention_pattern(word: str) -> re.Pattern[str]:
    """Return what `word` looks like where it may be a mention."""
    # Case is folded for ASCII alone: `K` is not the Kelvin sign.
    return re.compile(f"{_BEFORE}(?ai:{re.escape(word)}){_AFTER}")


def _read(text: str, match: re.Match[str], agents: frozenset[str]) -> Mention:
    before, after = _unwrapped(text[: match.start()], text[match.end() :])
    command = _command(after)
    if command is not None:
        return Mention(command=command)
    agent, rest = _picked(after, agents)
    return Mention(command=Command.ASK, agent=agent, instruction=_joined(before, rest))


def _command(after: str) -> Command | None:
    """Read a command: it stands alone behind the mention. To stop, its own line is enough."""
    if whole := _COMMAND.fullmatch(after):
        return Command(whole[1].lower())
    line = _LINE.match(after)
    stop = _COMMAND.fullmatch(line[0]) if line else None
    return Command.STOP if stop and stop[1].lower() == Command.STOP else None


def _picked(after: str, agents: frozenset[str]) -> tuple[str | None, str]:
    match = _AGENT.match(after)
    if match is None:
        return None, after
    name = (match["slash"] or match["name"]).lower()
    agent = _named(name, agents) if match["slash"] else name if name in agents else None
    return (agent, after[match.end() :]) if agent else (None, after)


def _named(name: str, agents: frozenset[str]) -> str | None:
    if name in agents:
        return name
    longer = [agent for agent in agents if agent.startswith(name)]
    return longer[0] if len(longer) == 1 and len(name) >= _SHORTEST_PREFIX else None


def _unwrapped(before: str, after: str) -> tuple[str, str]:
    """Take the emphasis away that the mention alone had: **@agent** leaves no asterisks behind."""
    match = _EMPHASIS.search(before)
    if match is None or not after.startswith(match[0]):
        return before, after
    return before[: match.start()], after[len(match[0]) :]


def _joined(before: str, after: str) -> str:
    """Put the text together where the mention was cut out."""
    if not before.rpartition("\n")[2].strip():
        joint = _JOINT.match(after)
        return f"{before}{after[joint.end() :] if joint else after}".strip()
    rest = after.lstrip(" \t")
    if not rest or rest[0] in ",.;:!?)\n":
        return f"{before.rstrip()}{rest}".strip()
    gap = "" if before[-1] in "([{\"'" else " "
    return f"{before.rstrip(' ')}{gap}{rest}".strip()
