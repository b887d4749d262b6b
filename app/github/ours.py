"""Who we are on GitHub: how our comments are told from everybody else's."""

from dataclasses import dataclass
from functools import cached_property

from app.github.access import Access, AppAccess, Scope
from app.github.app_info import app_info, own_account
from app.github.client import Client
from app.github.errors import NoAccess


@dataclass(frozen=True)
class Ours:
    """The account that Errand is on GitHub, and what it reaches."""

    #: None: nobody has set one.
    given: Access | None
    #: Where repositories are cloned from.
    server: str

    @property
    def access(self) -> Access:
        """How GitHub is spoken to; raises NoAccess."""
        if self.given is None:
            raise NoAccess
        return self.given

    @cached_property
    def login(self) -> str:
        """The account that our comments are from; asked for once. Raises GitHubError and NoAccess."""
        if isinstance(self.access, AppAccess):
            return app_info(self.access.app()).login
        return own_account(self.access.api("", Scope.READ)).login

    @property
    def author(self) -> tuple[str, str]:
        """Name and address of the author of what is pushed."""
        return self.login, f"{self.login}@users.noreply.github.com"

    def client(self, repository: str, scope: Scope) -> Client:
        """Return the calls in one repository; raises GitHubError."""
        return Client(self.access.api(repository, scope), repository)
