"""Which server the command talks to, and with which token."""

import contextlib
import ipaddress
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from app.errors import Invalid
from app.settings import PROJECT_ROOT, Settings, load_settings


@dataclass(frozen=True)
class Server:
    """An Errand that runs somewhere. `token` is None where none was found; `hint` says then what to set."""

    url: str
    token: str | None
    hint: str
    #: On this machine: no proxy is asked for the way.
    local: bool

    @property
    def socket_url(self) -> str:
        """The beginning of its WebSocket addresses."""
        return "ws" + self.url.removeprefix("http")


def read_settings() -> Settings:
    """Read the settings as bin/up does, wherever we are; raises InvalidSetting."""
    with contextlib.chdir(PROJECT_ROOT):
        return load_settings()


def find_server(settings: Settings, *, url: str | None = None) -> Server:
    """Choose the address and the token; nothing is asked over the network and nothing is made."""
    address = url or settings.server_url or settings.public_url or f"http://127.0.0.1:{settings.port}"
    parts = _checked(address)
    local = _is_local(parts.hostname or "")
    own = local or address == settings.public_url
    token, hint = _token(settings, own=own)
    if token is not None and not (token.isascii() and token.isprintable()):
        raise Invalid(f"The token holds characters that no token has. {hint}")
    return Server(address.rstrip("/"), token, hint, local)


def _checked(address: str) -> SplitResult:
    try:
        parts = urlsplit(address)
        usable = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable or parts.username is not None or parts.query or parts.fragment:
        raise Invalid(f"{address!r} is not the address of a server; it looks like http://127.0.0.1:8000.")
    return parts


def _is_local(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _token(settings: Settings, *, own: bool) -> tuple[str | None, str]:
    """Return the token and where it is from or what to set. The kept one is shown to its own server only."""
    if settings.admin_token_given:
        return settings.admin_token_given.get_secret_value(), "Correct the token in ERRAND_ADMIN_TOKEN."
    if not own:
        return None, "Set ERRAND_ADMIN_TOKEN to the token of that server."
    file = settings.data_dir / "admin-token"
    try:
        # Not settings.admin_token(): that makes a token where there is none, and no server would know it.
        token = file.read_text().strip()
    except (OSError, UnicodeDecodeError):
        return None, (
            f"{file} can't be read: set ERRAND_ADMIN_TOKEN to the server's token, "
            "or ERRAND_DATA_DIR to its data directory."
        )
    return token or None, (
        f"The token in {file} is another server's: set ERRAND_ADMIN_TOKEN, "
        "or ERRAND_DATA_DIR to its data directory."
    )
