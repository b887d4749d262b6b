"""GitHub as a way to sign in: OAuth with state and PKCE, and who of all of GitHub may come."""

from dataclasses import dataclass
from typing import Any

import httpx
import structlog
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge

from app.errors import Unauthorized, Unavailable
from app.settings import Settings

log = structlog.get_logger()

#: Seconds GitHub gets for each answer.
PATIENCE = 10.0


class GithubRefused(Unauthorized):
    """GitHub did not confirm this sign-in. Begin again on the sign-in page."""

    reason = "github_refused"


@dataclass(frozen=True)
class Account:
    """Somebody on GitHub; the number stays when the login changes."""

    id: int
    login: str


class Github:
    """Asks one GitHub (github.com, or an Enterprise server) who somebody is; keeps nothing it is given."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        allowed = [one.strip().lower() for one in settings.github_oauth_allow.split(",") if one.strip()]
        self._orgs = [one.removeprefix("org:") for one in allowed if one.startswith("org:")]
        self._logins = {one for one in allowed if not one.startswith("org:")}
        self._server = settings.github_server_url
        self._api = settings.github_api_url.rstrip("/")

    @property
    def on(self) -> bool:
        """Whether it is set up: an OAuth app's id and secret, and somebody who may come."""
        given = self._settings.github_oauth_client_id and self._settings.github_oauth_client_secret
        return bool(given and (self._orgs or self._logins))

    def address(self, *, state: str, verifier: str, back: str) -> str:
        """Return where to send the browser; it comes to `back` with a code and the same `state`."""
        address: str = prepare_grant_uri(
            f"{self._server}/login/oauth/authorize",
            self._settings.github_oauth_client_id,
            "code",
            redirect_uri=back,
            scope="read:org" if self._orgs else None,
            state=state,
            code_challenge=create_s256_code_challenge(verifier),
            code_challenge_method="S256",
        )
        return address

    def who(self, *, code: str, verifier: str, back: str) -> Account | None:
        """Return who came back with `code`; None where they are not among those who may.

        Raises GithubRefused where GitHub does not confirm it, and Unavailable where it cannot be asked.
        """
        try:
            with httpx.Client(timeout=PATIENCE, headers={"Accept": "application/json"}) as client:
                token = self._token(client, code, verifier, back)
                client.headers["Authorization"] = f"Bearer {token}"
                found = _json(client.get(f"{self._api}/user"))
                account = Account(int(found["id"]), str(found["login"]))
                return account if self._may_come(client, account) else None
        except httpx.HTTPError as error:
            log.warning("github_not_reached", error=type(error).__name__)
            raise Unavailable("GitHub cannot be asked right now. Try again.", retry_after=10) from None
        except (KeyError, TypeError, ValueError) as error:
            log.warning("github_sign_in_refused", error=type(error).__name__)
            raise GithubRefused from None

    def _token(self, client: httpx.Client, code: str, verifier: str, back: str) -> str:
        """Trade the code; GitHub says 200 to a wrong one too, but then there is no token in it."""
        secret = self._settings.github_oauth_client_secret
        form = {
            "client_id": self._settings.github_oauth_client_id,
            "client_secret": secret.get_secret_value() if secret else "",
            "redirect_uri": back,
            "code": code,
            "code_verifier": verifier,
            "grant_type": "authorization_code",
        }
        answer = client.post(f"{self._server}/login/oauth/access_token", data=form)
        return str(_json(answer)["access_token"])

    def _may_come(self, client: httpx.Client, account: Account) -> bool:
        # Equal, never a pattern: a login that merely looks like one on the list is somebody else.
        return account.login.lower() in self._logins or any(self._is_in(client, org) for org in self._orgs)

    def _is_in(self, client: httpx.Client, org: str) -> bool:
        answer = client.get(f"{self._api}/user/memberships/orgs/{org}")
        if answer.status_code in {403, 404}:
            return False
        return bool(_json(answer).get("state") == "active")


def _json(answer: httpx.Response) -> dict[str, Any]:
    answer.raise_for_status()
    found = answer.json()
    if not isinstance(found, dict):
        raise TypeError("not an object")
    return found
