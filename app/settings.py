"""Every setting, read from the environment (and `.env`) here and nowhere else."""

import base64
import binascii
import ipaddress
import os
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import unquote, urlsplit

from dotenv import dotenv_values
from pydantic import (
    AnyHttpUrl,
    AwareDatetime,
    BeforeValidator,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    SecretStr,
    ValidationError,
    field_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.domain.sandbox import Level
from app.errors import Invalid

_GITHUB_API = "https://api.github.com"
PROJECT_ROOT = Path(__file__).resolve().parent.parent

_DRIVERS = {"postgres": "postgresql+psycopg2", "postgresql": "postgresql+psycopg2"}


#: What is said of a Redis that anybody in its network may use.
OPEN_REDIS = (
    "REDIS_URL leads to another machine and names no password: whoever reaches it can ring for tasks and "
    "read what is published. Set a password there, or be sure that its network is private."
)


def _as_number(value: object) -> object:
    # The environment holds text, and an IntEnum wants a number.
    return int(value) if isinstance(value, str) and value.strip().isdigit() else value


class InvalidSetting(Invalid):
    """A setting is not valid."""

    reason = "invalid_setting"

    def __init__(self, name: str, problem: str) -> None:
        problem = problem.removeprefix("Value error, ")
        super().__init__(f"The setting {name} is not valid: {problem}. Correct it, or unset it.")
        self.name = name


class Settings(BaseSettings):
    """The whole configuration; immutable once loaded. docs/operations.md lists each name."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", frozen=True, populate_by_name=True)

    database_url_given: str | None = Field(None, validation_alias="DATABASE_URL")
    redis_url: str = Field("redis://127.0.0.1:6379/0", validation_alias="REDIS_URL")
    port: PositiveInt = Field(8000, validation_alias="PORT")
    web_concurrency: PositiveInt = Field(1, validation_alias="WEB_CONCURRENCY")
    secret_key_given: SecretStr | None = Field(None, validation_alias="SECRET_KEY")
    admin_token_given: SecretStr | None = Field(None, validation_alias="ERRAND_ADMIN_TOKEN")
    data_dir: Path = Field(Path("data"), validation_alias="ERRAND_DATA_DIR")
    agents_dir: Path = Field(PROJECT_ROOT / "agents", validation_alias="ERRAND_AGENTS_DIR")
    public_url: str | None = Field(None, validation_alias="ERRAND_PUBLIC_URL")
    #: Where the `errand` command finds the server, when that is not ERRAND_PUBLIC_URL or this machine's PORT.
    server_url: str | None = Field(None, validation_alias="ERRAND_URL")
    #: Proxies in front that set X-Forwarded-*; their word is taken for exactly so many hops.
    proxy_hops: NonNegativeInt = Field(0, validation_alias="ERRAND_PROXY_HOPS")
    #: What encrypts credentials, newest first, with commas between; never in the database.
    fernet_keys_given: SecretStr | None = Field(None, validation_alias="ERRAND_FERNET_KEYS")
    #: Where signed-in Claude Codes get new tokens, and as which client; without it none is asked for.
    claude_token_url: str | None = Field(None, validation_alias="ERRAND_CLAUDE_TOKEN_URL")
    claude_client_id: str | None = Field(None, validation_alias="ERRAND_CLAUDE_CLIENT_ID")
    #: "none": no sign-in, for whoever is on this machine; refused where others could reach the port.
    auth: Literal["required", "none"] = Field("required", validation_alias="ERRAND_AUTH")
    #: Tasks one user may make in an hour. 0: no limit.
    tasks_per_hour: NonNegativeInt = Field(600, validation_alias="ERRAND_TASKS_PER_HOUR")
    #: Days the audit is kept. 0: for ever.
    audit_days: NonNegativeInt = Field(365, validation_alias="ERRAND_AUDIT_DAYS")
    #: An OAuth app of GitHub, and who of all of GitHub may sign in with it: logins, and org:NAME, by commas.
    github_oauth_client_id: str | None = Field(None, validation_alias="ERRAND_GITHUB_OAUTH_CLIENT_ID")
    github_oauth_client_secret: SecretStr | None = Field(
        None, validation_alias="ERRAND_GITHUB_OAUTH_CLIENT_SECRET"
    )
    github_oauth_allow: str = Field("", validation_alias="ERRAND_GITHUB_OAUTH_ALLOW")
    #: What they may do at first.
    github_oauth_role: Literal["viewer", "operator", "admin"] = Field(
        "viewer", validation_alias="ERRAND_GITHUB_OAUTH_ROLE"
    )
    #: Where GitHub's API and its pages are; an Enterprise server has its own.
    github_api_url: str = Field(_GITHUB_API, validation_alias="GITHUB_API_URL")
    github_server_url_given: str | None = Field(None, validation_alias="GITHUB_SERVER_URL")
    #: What GitHub signs with; two with a comma between while one takes the other's place.
    github_webhook_secret: SecretStr | None = Field(None, validation_alias="GITHUB_WEBHOOK_SECRET")
    #: As whom Errand speaks to GitHub: as an App, or with one token.
    github_token: SecretStr | None = Field(None, validation_alias="GITHUB_TOKEN")
    github_app_id: str | None = Field(None, validation_alias="GITHUB_APP_ID")
    github_app_private_key: SecretStr | None = Field(None, validation_alias="GITHUB_APP_PRIVATE_KEY")
    #: The word that addresses Errand on GitHub, and which agent does what names none.
    trigger: str = Field("@agent", pattern=r"^@[A-Za-z0-9][A-Za-z0-9-]*$", validation_alias="ERRAND_TRIGGER")
    github_agent: str = Field("brain", validation_alias="ERRAND_GITHUB_AGENT")
    #: Who may ask there: in which repositories (owner/name and owner/*; empty: all), with what permission,
    #: which bots (exact logins), and whether on pull requests of forks.
    github_repositories: str = Field("", validation_alias="ERRAND_GITHUB_REPOSITORIES")
    github_permission: Literal["read", "triage", "write", "maintain", "admin"] = Field(
        "write", validation_alias="ERRAND_GITHUB_PERMISSION"
    )
    github_bots: str = Field("", validation_alias="ERRAND_GITHUB_BOTS")
    github_forks: bool = Field(False, validation_alias="ERRAND_GITHUB_FORKS")
    #: What asks besides a mention.
    github_labels: bool = Field(True, validation_alias="ERRAND_GITHUB_LABELS")
    github_assignment: bool = Field(False, validation_alias="ERRAND_GITHUB_ASSIGNMENT")
    github_failed_checks: bool = Field(False, validation_alias="ERRAND_GITHUB_FAILED_CHECKS")
    #: Whether agents may change .github/workflows, which run with rights of their own.
    github_workflows: bool = Field(False, validation_alias="ERRAND_GITHUB_WORKFLOWS")
    #: Tasks at most: of a thread, of bots in a row in one, of a repository, of a user.
    github_thread_hour: PositiveInt = Field(5, validation_alias="ERRAND_GITHUB_THREAD_HOUR")
    github_thread_day: PositiveInt = Field(20, validation_alias="ERRAND_GITHUB_THREAD_DAY")
    github_thread_bots: PositiveInt = Field(3, validation_alias="ERRAND_GITHUB_THREAD_BOTS")
    github_repository_hour: PositiveInt = Field(30, validation_alias="ERRAND_GITHUB_REPOSITORY_HOUR")
    github_user_hour: PositiveInt = Field(15, validation_alias="ERRAND_GITHUB_USER_HOUR")
    #: Days a webhook's delivery is kept, by which a repeated one is known. 0: for ever.
    delivery_days: NonNegativeInt = Field(30, validation_alias="ERRAND_DELIVERY_DAYS")
    #: Hosts, or host:port, that callbacks of webhooks may reach although private, and without TLS; by commas.
    callback_hosts_given: str = Field("", validation_alias="ERRAND_CALLBACK_HOSTS")
    #: CLIs at once per worker.
    concurrency: PositiveInt = Field(4, validation_alias="ERRAND_CONCURRENCY")
    #: Seconds one Attempt may take, and may stay silent: more than the ten minutes a CLI gives one command.
    task_timeout: PositiveFloat = Field(3600, validation_alias="ERRAND_TASK_TIMEOUT")
    idle_timeout: PositiveFloat = Field(900, validation_alias="ERRAND_IDLE_TIMEOUT")
    max_attempts: PositiveInt = Field(3, validation_alias="ERRAND_MAX_ATTEMPTS")
    lease_seconds: PositiveFloat = Field(30, validation_alias="ERRAND_LEASE_SECONDS")
    #: Seconds running CLIs get to finish by themselves when the worker is asked to stop.
    shutdown_grace: NonNegativeFloat = Field(20, validation_alias="ERRAND_SHUTDOWN_GRACE")
    #: Bytes of stdout and stderr one Attempt may print.
    output_limit: PositiveInt = Field(256 * 1024 * 1024, validation_alias="ERRAND_OUTPUT_LIMIT")
    #: Events one Attempt may make: two bytes of output can be one, to be stored and drawn like any other.
    event_limit: PositiveInt = Field(5_000_000, validation_alias="ERRAND_EVENT_LIMIT")
    #: Set by bin/up for its own processes: its port answers after the first heartbeats since then.
    up_started: AwareDatetime | None = Field(None, validation_alias="ERRAND_UP_STARTED")
    #: Tasks that may wait; one more is refused with 429. 0: no limit.
    queue_limit: NonNegativeInt = Field(20_000, validation_alias="ERRAND_QUEUE_LIMIT")
    #: Days after its last use that a conversation is deleted, with output and workspace. 0: never.
    retention_days: NonNegativeInt = Field(0, validation_alias="ERRAND_RETENTION_DAYS")
    #: Bytes of one message.
    message_limit: PositiveInt = Field(1024 * 1024, validation_alias="ERRAND_MESSAGE_LIMIT")

    #: The least level for Tasks with text from outside; lower only where the machine forbids the cage.
    sandbox_floor: Annotated[Level, BeforeValidator(_as_number)] = Field(
        Level.CAGE, validation_alias="ERRAND_SANDBOX_FLOOR"
    )
    #: Who a CLI runs as where the worker is root.
    agent_user: str = Field("errand-agent", min_length=1, validation_alias="ERRAND_AGENT_USER")
    #: What agents with `network = "proxy"` go through.
    agent_proxy: str | None = Field(None, validation_alias="ERRAND_AGENT_PROXY")
    #: Bytes and processes of one CLI and all it started; bytes of its Session's directories.
    memory_limit: PositiveInt = Field(4 * 1024**3, validation_alias="ERRAND_MEMORY_LIMIT")
    process_limit: PositiveInt = Field(512, validation_alias="ERRAND_PROCESS_LIMIT")
    workspace_limit: PositiveInt = Field(10 * 1024**3, validation_alias="ERRAND_WORKSPACE_LIMIT")

    @field_validator("data_dir", "agents_dir")
    @classmethod
    def _absolute(cls, path: Path) -> Path:
        return path.expanduser().absolute()

    @field_validator("database_url_given")
    @classmethod
    def _known_database(cls, url: str | None) -> str | None:
        scheme, found, _ = (url or "sqlite://").partition("://")
        if not found or scheme not in {"sqlite", *_DRIVERS, *_DRIVERS.values()}:
            raise ValueError("it begins with postgres:// or sqlite:///")
        return url

    @field_validator("fernet_keys_given")
    @classmethod
    def _fernet_keys(cls, given: SecretStr | None) -> SecretStr | None:
        for key in _listed(given):
            try:
                size = len(base64.urlsafe_b64decode(key))
            except (binascii.Error, ValueError):
                size = 0
            if size != 32:
                raise ValueError("each key is 32 bytes as URL-safe base64")
        return given

    @field_validator("claude_token_url")
    @classmethod
    def _safe_token_url(cls, url: str | None) -> str | None:
        parts = urlsplit(url or "")
        if (
            url
            and parts.scheme != "https"
            and not (parts.scheme == "http" and _is_loopback(parts.hostname or ""))
        ):
            raise ValueError("tokens go over https:// only")
        return url or None

    @field_validator("github_api_url")
    @classmethod
    def _github_itself(cls, url: str) -> str:
        # Set to nothing, as a file with every name in it may have it, is not set.
        return url or _GITHUB_API

    @field_validator("github_api_url", "github_server_url_given", "public_url")
    @classmethod
    def _address(cls, url: str | None) -> str | None:
        if url and not _is_address(url):
            raise ValueError("it begins with https://, and a host follows")
        return url

    @property
    def github_server_url(self) -> str:
        """Where GitHub's pages and repositories are: as given, else on the host of its API."""
        if self.github_server_url_given:
            return self.github_server_url_given.rstrip("/")
        api = urlsplit(self.github_api_url)
        # https://HOST/api/v3 is how an Enterprise server has it, and https://api.HOST how GitHub's own do.
        hosted = api.path.strip("/") == "" and api.netloc.startswith("api.")
        return f"{api.scheme}://{api.netloc.removeprefix('api.') if hosted else api.netloc}"

    @property
    def database_url(self) -> str:
        """The database as SQLAlchemy wants it; SQLite in the data dir by default."""
        if not self.database_url_given:
            return f"sqlite:///{self.data_dir / 'errand.db'}"
        scheme, rest = self.database_url_given.split("://", 1)
        # Heroku and others still hand out postgres://, which SQLAlchemy refuses.
        return f"{_DRIVERS.get(scheme, scheme)}://{rest}"

    def secrets(self) -> list[str]:
        """Return every secret among these settings, for whoever has to keep them out of sight."""
        urls = [self.database_url_given or "", self.redis_url]
        passwords = [unquote(urlsplit(url).password or "") for url in urls]
        found = [*(url for url, password in zip(urls, passwords, strict=True) if password), *passwords]
        if self.github_oauth_client_secret is not None:
            found.append(self.github_oauth_client_secret.get_secret_value())
        found += [one.get_secret_value() for one in (self.github_token, self.github_app_private_key) if one]
        own = (self.admin_token(), self.secret_key(), *self.fernet_keys(), *self.webhook_secrets())
        return [secret for secret in (*found, *own) if secret]

    def webhook_secrets(self) -> list[str]:
        """What GitHub may sign with; none: no webhook is taken."""
        return _listed(self.github_webhook_secret)

    @property
    def callback_hosts(self) -> frozenset[str]:
        """What ERRAND_CALLBACK_HOSTS names, in lower case."""
        named = (host.strip().lower() for host in self.callback_hosts_given.split(","))
        return frozenset(host for host in named if host)

    def fernet_keys(self) -> list[str]:
        """What encrypts credentials, newest first; one is made and kept in the data dir if none is given."""
        kept = self.data_dir / "credentials-key"
        # What is kept is 32 bytes as URL-safe base64, without the sign that fills it up.
        return _listed(self.fernet_keys_given) or [f"{_kept_secret(kept).rstrip('=')}="]

    @property
    def open_redis(self) -> bool:
        """Whether REDIS_URL leads to another machine and names no password."""
        url = urlsplit(self.redis_url)
        return url.scheme != "unix" and not url.password and not _is_loopback(url.hostname or "localhost")

    def admin_token(self) -> str:
        """The ready API token with the admin role; made once and kept in the data dir if not given."""
        if self.admin_token_given:
            return self.admin_token_given.get_secret_value()
        return _kept_secret(self.data_dir / "admin-token")

    def secret_key(self) -> str:
        """What session cookies are signed with; made once and kept in the data dir if not given."""
        if self.secret_key_given:
            return self.secret_key_given.get_secret_value()
        return _kept_secret(self.data_dir / "secret-key")


def _listed(keys: SecretStr | None) -> list[str]:
    return [key.strip() for key in keys.get_secret_value().split(",") if key.strip()] if keys else []


def _is_address(url: str) -> bool:
    try:
        # What is linked to has to be an address there, too; by itself it takes "https:errand" for one.
        AnyHttpUrl(url)
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in {"https", "http"} and bool(parts.hostname)


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _kept_secret(path: Path) -> str:
    """Read the secret in `path`, making it first; several processes may race, all get the same one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    if not path.exists():
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_urlsafe(32))
        try:
            os.link(draft, path)  # fails when another process was first: then theirs stands
        except FileExistsError:
            pass
        finally:
            draft.unlink(missing_ok=True)
    return path.read_text().strip()


def load_settings() -> Settings:
    """Read the environment; raises InvalidSetting."""
    try:
        settings = Settings()
    except ValidationError as error:
        problem = error.errors()[0]
        raise InvalidSetting(".".join(map(str, problem["loc"])), problem["msg"]) from error
    if settings.auth == "none" and (settings.proxy_hops or settings.public_url):
        why = "with a proxy (ERRAND_PROXY_HOPS) or a public address (ERRAND_PUBLIC_URL) there is a sign-in"
        raise InvalidSetting("ERRAND_AUTH", why)
    return settings


def hand_down(values: Mapping[str, str]) -> None:
    """Set variables for this process's next `load_settings` and for every process it starts (bin/up does)."""
    os.environ.update(values)


def inherited() -> dict[str, str]:
    """Return the whole environment, for a process of our own; never for a CLI."""
    return dict(os.environ)


def has_desktop() -> bool:
    """Tell whether somebody sits in front of this machine and could be shown a page."""
    return sys.platform == "darwin" or any(name in os.environ for name in ("DISPLAY", "WAYLAND_DISPLAY"))


def for_clis() -> dict[str, str]:
    """Return what a CLI's environment is chosen from: ours, and what `.env` adds to it."""
    return {**{name: value for name, value in dotenv_values(".env").items() if value}, **os.environ}
