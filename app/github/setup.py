"""How Errand is to be set up on GitHub, and what of that is missing: for the page and the command."""

from pydantic import BaseModel

from app.errors import ErrandError
from app.github.access import Access, AppAccess, Scope, permissions_of
from app.github.app_info import Sent, app_info, last_sent, missing, own_account
from app.github.identity import access_of
from app.github.triggers import READ
from app.settings import Settings

_LEVELS = {"read": 1, "write": 2}
_CHECK_EVENTS = frozenset({"check_run", "check_suite", "workflow_run"})


class Setup(BaseModel):
    """What to set, what is set, and what is wrong, each in words."""

    #: The address that GitHub has to be given; a path where ERRAND_PUBLIC_URL is not set.
    webhook_url: str
    secret_set: bool
    #: app, token or none; and whose account it is, where GitHub says so.
    access: str
    account: str | None = None
    permissions: dict[str, str]
    events: list[str]
    problems: list[str]
    #: What GitHub sent lately and what it got for it; GitHub tells an App only.
    sent: list[Sent] = []


def wanted_permissions(settings: Settings) -> dict[str, str]:
    """Return the permissions that the App needs, by GitHub's names."""
    found: dict[str, str] = {}
    for scope in Scope:
        for name, level in permissions_of(scope, workflows=settings.github_workflows).items():
            found[name] = max(found.get(name, "read"), level, key=_LEVELS.__getitem__)
    return dict(sorted(found.items()))


def wanted_events(settings: Settings) -> list[str]:
    """Return the events to subscribe to."""
    every = {name.partition(".")[0] for name in READ}
    return sorted(every if settings.github_failed_checks else every - _CHECK_EVENTS)


def look(settings: Settings) -> Setup:
    """Ask GitHub how it is set up; what goes wrong is a problem in the answer, never an error."""
    setup = Setup(
        webhook_url=f"{(settings.public_url or '').rstrip('/')}/webhooks/github",
        secret_set=bool(settings.webhook_secrets()),
        access="none",
        permissions=wanted_permissions(settings),
        events=wanted_events(settings),
        problems=_own_problems(settings),
    )
    try:
        access = access_of(settings)
        return setup if access is None else _asked(setup, access)
    except ErrandError as error:
        return setup.model_copy(update={"problems": [*setup.problems, error.message]})


def _own_problems(settings: Settings) -> list[str]:
    found = []
    if not settings.webhook_secrets():
        found.append("GITHUB_WEBHOOK_SECRET is not set: every webhook is refused with 503.")
    if not settings.public_url:
        found.append("ERRAND_PUBLIC_URL is not set: GitHub needs an address that it can reach.")
    if not settings.github_token and not (settings.github_app_id and settings.github_app_private_key):
        found.append("Set GITHUB_APP_ID and GITHUB_APP_PRIVATE_KEY, or GITHUB_TOKEN.")
    return found


def _asked(setup: Setup, access: Access) -> Setup:
    if not isinstance(access, AppAccess):
        user = own_account(access.api("", Scope.READ))
        return setup.model_copy(update={"access": "token", "account": user.login})
    info = app_info(access.app())
    lacks = [f"The App lacks {one}." for one in missing(info, setup.permissions, set(setup.events))]
    sent = last_sent(access.app())
    told = {"access": "app", "account": info.login, "problems": [*setup.problems, *lacks], "sent": sent}
    return setup.model_copy(update=told)
