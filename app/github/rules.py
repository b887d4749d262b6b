"""What this installation of Errand listens to."""

from app.domain.model import Model
from app.github.payload import User


class Rules(Model):
    """How Triggers are told from everything else; the settings say it, and GitHub who we are."""

    #: The word that addresses us.
    word: str = "@agent"
    #: Agents that can be picked by name.
    agents: frozenset[str] = frozenset()
    #: Our own account: its id, and its login (`name[bot]` for an App).
    own_id: int | None = None
    own_login: str | None = None
    #: Our App, whose check runs are ours.
    own_app_id: int | None = None
    #: Bots that may ask, by exact login; they pass the same gate as everybody.
    bots: frozenset[str] = frozenset()
    labels: bool = True
    assignment: bool = False
    failed_checks: bool = False
    #: How the branches begin that Errand makes.
    branch_prefix: str = "agent/"

    @property
    def label(self) -> str:
        """The label that asks: the word without its @."""
        return self.word.removeprefix("@").casefold()

    def is_own(self, user: User) -> bool:
        """Tell whether `user` is the account that our comments are from."""
        same_login = self.own_login is not None and user.login.casefold() == self.own_login.casefold()
        return same_login or (self.own_id is not None and user.id == self.own_id)
