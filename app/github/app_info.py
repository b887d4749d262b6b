"""What GitHub knows of our App: for the page and the command that check how it is set up."""

from pydantic import AwareDatetime, Field

from app.github.answers import read
from app.github.api import Api
from app.github.payload import Id, Lenient, User


class AppInfo(Lenient):
    """The App as it is registered."""

    id: Id
    slug: str
    html_url: str | None = None
    permissions: dict[str, str] = Field({})
    events: list[str] = Field([])

    @property
    def login(self) -> str:
        """The account that the App's comments are from."""
        return f"{self.slug}[bot]"


class Sent(Lenient):
    """A Delivery as GitHub remembers it: whether it reached us, and what we said."""

    id: Id
    guid: str
    delivered_at: AwareDatetime
    redelivery: bool = False
    status: str
    status_code: int
    event: str
    action: str | None = None


class Owner(Lenient):
    """Where the App is installed: a user, an organisation, or an enterprise, which has no login."""

    login: str = "an enterprise"


class Installation(Lenient):
    """The App as somebody has installed it: new permissions count once they have accepted them."""

    id: Id
    account: Owner | None = None
    permissions: dict[str, str] = Field({})
    suspended_at: AwareDatetime | None = None

    @property
    def owner(self) -> str:
        """Whose installation it is."""
        return (self.account or Owner()).login


class HookConfig(Lenient):
    """Where GitHub sends the App's webhooks."""

    url: str | None = None


def app_info(api: Api) -> AppInfo:
    """Return what the App is; `api` is the App's own."""
    return read(AppInfo, api.call("GET", "/app"))


def last_sent(api: Api, *, most: int = 30) -> list[Sent]:
    """Return the newest Deliveries that GitHub sent for the App."""
    found = api.call("GET", "/app/hook/deliveries", parameters={"per_page": most})
    return [read(Sent, one) for one in found or ()]


def installations(api: Api) -> list[Installation]:
    """Return where the App is installed."""
    return [read(Installation, one) for one in api.pages("/app/installations")]


def hook_url(api: Api) -> str | None:
    """Return where GitHub sends the App's webhooks, None where it sends none."""
    return read(HookConfig, api.call("GET", "/app/hook/config")).url or None


def own_account(api: Api) -> User:
    """Return whose token `api` has, where it is a person's."""
    return read(User, api.call("GET", "/user"))


def missing(info: AppInfo, permissions: dict[str, str], events: set[str]) -> list[str]:
    """Return what the App lacks, a line each, by GitHub's own names."""
    lacking = [f"permission {one}" for one in _lacking(info.permissions, permissions)]
    return [*lacking, *(f"event {name}" for name in sorted(events - set(info.events)))]


def unusable(info: AppInfo, found: list[Installation], permissions: dict[str, str]) -> list[str]:
    """Return what keeps the App from working where it is installed, a sentence each."""
    if not found:
        where = f": {info.html_url}/installations/new" if info.html_url else "."
        return [f"The App is installed nowhere{where}"]
    # What the App itself lacks is told already, and nobody can accept it.
    asked = {
        name: level for name, level in permissions.items() if not _lacking(info.permissions, {name: level})
    }
    problems = []
    for one in found:
        if one.suspended_at is not None:
            problems.append(f"{one.owner} has suspended the App.")
        elif lacking := _lacking(one.permissions, asked):
            where = "Settings, GitHub Apps, Review request"
            problems.append(f"{one.owner} has not accepted {', '.join(lacking)} of the App yet ({where}).")
    return problems


def _lacking(held: dict[str, str], wanted: dict[str, str]) -> list[str]:
    levels = {"": 0, "read": 1, "write": 2, "admin": 3}
    return [
        f"{name}: {level}"
        for name, level in sorted(wanted.items())
        if levels.get(held.get(name, ""), 0) < levels[level]
    ]
