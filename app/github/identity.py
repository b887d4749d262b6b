"""As whom this Errand speaks to GitHub, and what it therefore listens to."""

import threading

from app.agents import Agents
from app.domain.gate import Caps, Permission, Policy
from app.github.access import Access, AppAccess, Scope, TokenAccess
from app.github.api import TIMEOUTS
from app.github.app_info import app_info, own_account
from app.github.errors import NoAccess
from app.github.rules import Rules
from app.settings import Settings


def access_of(settings: Settings, *, timeouts: tuple[float, float] = TIMEOUTS) -> Access | None:
    """Return the App's access, else the token's, or None where neither is set; raises InvalidAppKey."""
    key, url = settings.github_app_private_key, settings.github_api_url
    # A file or an editor puts a line end behind them, which no header takes and which no app's id has.
    app_id = (settings.github_app_id or "").strip()
    token = settings.github_token.get_secret_value().strip() if settings.github_token else ""
    if app_id and key:
        workflows = settings.github_workflows
        return AppAccess(app_id, key.get_secret_value(), url, timeouts=timeouts, workflows=workflows)
    if token:
        return TokenAccess(token, url, timeouts=timeouts)
    return None


def policy_of(settings: Settings) -> Policy:
    """Return who may ask."""
    return Policy(
        least=Permission[settings.github_permission.upper()],
        repositories=listed(settings.github_repositories),
        bots=listed(settings.github_bots),
        forks=settings.github_forks,
        caps=Caps(
            thread_hour=settings.github_thread_hour,
            thread_day=settings.github_thread_day,
            thread_bots=settings.github_thread_bots,
            repository_hour=settings.github_repository_hour,
            user_hour=settings.github_user_hour,
        ),
    )


def listed(text: str) -> frozenset[str]:
    """Return what stands between the commas."""
    return frozenset(part.strip() for part in text.split(",") if part.strip())


class Self:
    """Our own account; GitHub is asked for it once. For several threads."""

    def __init__(self, settings: Settings, agents: Agents) -> None:
        self._settings = settings
        self._agents = agents
        self._lock = threading.Lock()
        self._access: Access | None = None
        self._own: dict[str, str | int] | None = None

    def access(self) -> Access:
        """Return how GitHub is spoken to; raises NoAccess or InvalidAppKey."""
        with self._lock:
            if self._access is None:
                self._access = access_of(self._settings)
            if self._access is None:
                raise NoAccess
            return self._access

    def rules(self, repository: str) -> Rules:
        """Return what is listened to; raises NoAccess and GitHubErrors."""
        access = self.access()
        with self._lock:
            if self._own is None:
                self._own = _own(access, repository)
            own = self._own
        settings = self._settings
        return Rules.model_validate(
            {
                **own,
                "word": settings.trigger,
                "agents": frozenset(self._agents.current().usable),
                "bots": listed(settings.github_bots),
                "labels": settings.github_labels,
                "assignment": settings.github_assignment,
                "failed_checks": settings.github_failed_checks,
            }
        )


def _own(access: Access, repository: str) -> dict[str, str | int]:
    if isinstance(access, AppAccess):
        info = app_info(access.app())
        return {"own_login": info.login, "own_app_id": info.id}
    user = own_account(access.api(repository, Scope.READ))
    return {"own_login": user.login, "own_id": user.id}
