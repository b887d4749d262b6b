"""Whether a text asks: a mention that is new, in prose, in nobody's marked comment."""

from typing import NamedTuple

from app.domain.trigger import Command, Ignored, Mention
from app.github.marker import marked
from app.github.mention import find_mention, mention_place, mentions
from app.github.payload import Changes, User
from app.github.rules import Rules


class Said(NamedTuple):
    """A title, which only issues and pull requests have, and a text below it."""

    title: str
    body: str

    @property
    def whole(self) -> str:
        """Both, for what holds of either."""
        return f"{self.title}\n{self.body}"


def asked(said: Said, before: Said | None, rules: Rules) -> Mention | Ignored:
    """Return what `said` asks for; `before` is what it was before an edit."""
    if marked(said.whole):
        return Ignored(
            code="own_marker", reason="The text carries Errand's own mark: it is one of its comments."
        )
    mention = _mention(said, rules)
    if mention is None:
        return _no_mention(said, rules)
    if before is not None and _mention(before, rules) is not None:
        return Ignored(
            code="mention_not_new", reason="The text mentioned the agent before this edit already."
        )
    return mention


def before_edit(said: Said, changes: Changes) -> Said | None:
    """Return what `said` was before `changes`, or None where neither title nor text changed."""
    title, body = changes.title, changes.body
    if title is None and body is None:
        return None
    return Said(
        title=(title.before or "") if title else said.title, body=(body.before or "") if body else said.body
    )


def unwelcome(sender: User, author: User | None, rules: Rules) -> Ignored | None:
    """Return why nobody asks here: ourselves, a bot, or somebody with another's words."""
    if rules.is_own(sender):
        reason = (
            f"{sender.login} is Errand's own account, which is never listened to. If you write with it "
            "yourself, give Errand another account's token, or a GitHub App."
        )
        return Ignored(code="own_account", reason=reason)
    is_bot = sender.type != "User" or sender.login.endswith("[bot]")
    if is_bot and sender.login not in rules.bots:
        return Ignored(code="bot", reason=f"{sender.login} is a bot, and bots are not listened to.")
    if author is None:
        return Ignored(code="no_author", reason="The text has no author any more.")
    if author.id != sender.id:
        reason = f"{sender.login} changed or moved what {author.login} wrote; only authors ask."
        return Ignored(code="not_author", reason=reason)
    return None


def _mention(said: Said, rules: Rules) -> Mention | None:
    """Read the text first; a mention in the title alone asks for all that stands below it."""
    mention = find_mention(said.body, word=rules.word, agents=rules.agents)
    if mention is not None:
        return mention
    mention = find_mention(said.title, word=rules.word, agents=rules.agents)
    if mention is None or mention.command is not Command.ASK:
        return mention
    instruction = "\n\n".join(part for part in (mention.instruction, said.body.strip()) if part)
    return mention.model_copy(update={"instruction": instruction})


def _no_mention(said: Said, rules: Rules) -> Ignored:
    if not mentions(said.whole, word=rules.word):
        return Ignored(code="no_mention", reason=f"The text does not mention {rules.word}.")
    places = (mention_place(text, word=rules.word) for text in (said.body, said.title))
    place = next(filter(None, places), "a longer word, an address or a link")
    reason = f"The mention of {rules.word} is inside {place}; only what its author says in plain words asks."
    return Ignored(code="mention_not_prose", reason=reason)
