"""Who we are on GitHub: how our comments are told from everybody else's."""

from dataclasses import dataclass
from functools import cached_property
from urllib.parse import urlsplit

from app.domain.reply import KeptReply
from app.github.access import Access, AppAccess, Scope
from app.github.app_info import app_info, own_account
from app.github.client import Client
from app.github.errors import NoAccess
from app.github.mirror import Remote
from app.github.payload import Repository


@dataclass(frozen=True)
class Ours:
    """The account that Errand is on GitHub, and what it reaches."""

    #: None: nobody has set one.
    given: Access | None
    #: Where its pages and repositories are.
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

    def remote(self, repository: Repository, scope: Scope) -> Remote:
        """Return where git fetches and pushes, with a token for that; raises GitHubError."""
        token = self.access.token(repository.full_name, scope)
        return Remote(repository.id, repository.full_name, self._clone_url(repository), token)

    def _clone_url(self, repository: Repository) -> str:
        """GitHub says it. A token goes there, so another host, or one in the clear, is not believed."""
        said = repository.clone_url
        if said and _host(said) == _host(self.server):
            return said
        return f"{self.server}/{repository.full_name}.git"

    def learn(self, reply: KeptReply) -> None:
        """Take note of where it was asked; raises NoAccess."""
        self.access.learn(reply.trigger.thread.repository, reply.installation_id)

    def client(self, repository: str, scope: Scope) -> Client:
        """Return the calls in one repository; raises GitHubError."""
        return Client(self.access.api(repository, scope), repository)


def _host(url: str) -> tuple[str, str | None]:
    """Return the scheme and the host, without the port: git may have one of its own."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname
