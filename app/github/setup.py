"""How Errand is to be set up on GitHub, and what of that is missing: for the page and the command."""

from pydantic import BaseModel

from app.errors import ErrandError
from app.github.access import Access, AppAccess, Scope, permissions_of
from app.github.answers import if_there
from app.github.api import Api
from app.github.api_errors import NotThere
from app.github.app_info import (
    AppInfo,
    Sent,
    app_info,
    hook_url,
    installations,
    last_sent,
    missing,
    own_account,
    unusable,
)
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
        if access is None:
            return setup
        # Known whether GitHub answers or not.
        setup = setup.model_copy(update={"access": "app" if isinstance(access, AppAccess) else "token"})
        return _asked(setup, access)
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
    elif bool(settings.github_app_id) != bool(settings.github_app_private_key):
        found.append(
            "GITHUB_APP_ID and GITHUB_APP_PRIVATE_KEY need each other; GITHUB_TOKEN is used instead."
        )
    return found


def _asked(setup: Setup, access: Access) -> Setup:
    if not isinstance(access, AppAccess):
        user = own_account(access.api("", Scope.READ))
        return setup.model_copy(update={"account": user.login})
    return _asked_as_app(setup, access.app())


def _asked_as_app(setup: Setup, api: Api) -> Setup:
    info = app_info(api)
    problems = [
        *setup.problems,
        *(f"The App lacks {one}." for one in missing(info, setup.permissions, set(setup.events))),
    ]
    sent: list[Sent] = []
    try:
        problems += _kept_from_work(info, setup.permissions, api)
        sent = if_there(lambda: last_sent(api))
        problems += _astray(setup.webhook_url, sent, api)
    except ErrandError as error:
        # What is known already is told all the same.
        problems.append(error.message)
    told = {"account": info.login, "problems": problems, "sent": sent}
    return setup.model_copy(update=told)


def _kept_from_work(info: AppInfo, permissions: dict[str, str], api: Api) -> list[str]:
    try:
        found = installations(api)
    except NotThere:
        return []  # a server that is older than the question
    return unusable(info, found, permissions)


def _astray(wanted: str, sent: list[Sent], api: Api) -> list[str]:
    """Return that webhooks go elsewhere; where some arrive, somebody has seen to it that they are sent on."""
    if not wanted.startswith("http") or any(200 <= one.status_code < 300 for one in sent):
        return []
    try:
        url = hook_url(api)
    except NotThere:
        return []
    if url is None:
        return [f"The App has no webhook: {wanted} is its address."]
    return [] if url.rstrip("/") == wanted else [f"GitHub sends webhooks to {url}, not to {wanted}."]
