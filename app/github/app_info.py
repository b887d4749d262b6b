"""What GitHub knows of our App: for the page and the command that check how it is set up."""

from pydantic import AwareDatetime, Field

from app.github.answers import read
from app.github.api import Api
from app.github.payload import Id, Lenient, User


class AppInfo(Lenient):
    """The App as it is registered."""

    id: Id
    slug: str
    name: str
    html_url: str
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


def app_info(api: Api) -> AppInfo:
    """Return what the App is; `api` is the App's own."""
    return read(AppInfo, api.call("GET", "/app"))


def last_sent(api: Api, *, most: int = 30) -> list[Sent]:
    """Return the newest Deliveries that GitHub sent for the App."""
    found = api.call("GET", "/app/hook/deliveries", parameters={"per_page": most})
    return [read(Sent, one) for one in found or ()]


def own_account(api: Api) -> User:
    """Return whose token `api` has, where it is a person's."""
    return read(User, api.call("GET", "/user"))


def missing(info: AppInfo, permissions: dict[str, str], events: set[str]) -> list[str]:
    """Return what the App lacks, a line each, by GitHub's own names."""
    levels = {"": 0, "read": 1, "write": 2, "admin": 3}
    lacking = [
        f"permission {name}: {level}"
        for name, level in sorted(permissions.items())
        if levels.get(info.permissions.get(name, ""), 0) < levels[level]
    ]
    return [*lacking, *(f"event {name}" for name in sorted(events - set(info.events)))]
