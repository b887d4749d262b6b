"""Settings: conventional names, one door, secrets that are made once."""

from pathlib import Path

import pytest

from app.settings import InvalidSetting, Settings, for_clis, load_settings


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in a folder without a `.env`."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("postgres://u:p@h/d", "postgresql+psycopg2://u:p@h/d"),
        ("postgresql://u:p@h/d?sslmode=require", "postgresql+psycopg2://u:p@h/d?sslmode=require"),
        ("sqlite:////srv/x.db", "sqlite:////srv/x.db"),
    ],
)
def test_a_platforms_database_url_is_taken_as_it_comes(
    monkeypatch: pytest.MonkeyPatch, given: str, used: str
) -> None:
    """Also in the old form, which SQLAlchemy refuses."""
    monkeypatch.setenv("DATABASE_URL", given)
    assert load_settings().database_url == used


@pytest.mark.parametrize(
    ("given", "server"),
    [
        ({}, "https://github.com"),
        ({"GITHUB_API_URL": "https://api.github.com/"}, "https://github.com"),
        ({"GITHUB_API_URL": "https://git.example.com/api/v3"}, "https://git.example.com"),
        ({"GITHUB_API_URL": "https://api.octo.ghe.com"}, "https://octo.ghe.com"),
        ({"GITHUB_API_URL": "http://127.0.0.1:8080"}, "http://127.0.0.1:8080"),
        (
            {"GITHUB_API_URL": "http://127.0.0.1:1/api/v3", "GITHUB_SERVER_URL": "http://127.0.0.1:2/"},
            "http://127.0.0.1:2",
        ),
    ],
)
def test_githubs_pages_are_on_the_host_of_its_api(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, str], server: str
) -> None:
    """Whoever names the API of an Enterprise server need not name it twice, and no token goes elsewhere."""
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    assert load_settings().github_server_url == server


_ADDRESSES = ["GITHUB_API_URL", "GITHUB_SERVER_URL", "ERRAND_PUBLIC_URL"]


@pytest.mark.parametrize("name", _ADDRESSES)
@pytest.mark.parametrize(
    "given",
    [
        "git.example.com",
        "git.example.com:8000",
        "ftp://x.org",
        "https:x",
        "https://",
        "https://[",
        "http://x:y",
    ],
)
def test_addresses_are_addresses(monkeypatch: pytest.MonkeyPatch, name: str, given: str) -> None:
    """Told at the start, not at the first webhook or in place of every answer."""
    monkeypatch.setenv(name, given)
    with pytest.raises(InvalidSetting, match=f"{name}.*https://"):
        load_settings()


@pytest.mark.parametrize("name", _ADDRESSES)
@pytest.mark.parametrize(
    "given", ["https://x.example.com", "http://127.0.0.1:8000/errand/", "http://[::1]:1"]
)
def test_an_address_is_taken_as_it_is(monkeypatch: pytest.MonkeyPatch, name: str, given: str) -> None:
    """With a port, a path, or on this machine."""
    monkeypatch.setenv(name, given)
    assert given in load_settings().model_dump().values()


def test_an_enterprise_server_that_is_set_to_nothing_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a file that lists every name has it."""
    monkeypatch.setenv("GITHUB_API_URL", "")
    settings = load_settings()

    assert (settings.github_api_url, settings.github_server_url) == (
        "https://api.github.com",
        "https://github.com",
    )


def test_sqlite_in_the_data_dir_is_the_default(monkeypatch: pytest.MonkeyPatch, elsewhere: Path) -> None:
    """Relative to where it was started, absolute from then on."""
    monkeypatch.setenv("ERRAND_DATA_DIR", "here")
    assert load_settings().database_url == f"sqlite:///{elsewhere}/here/errand.db"


def test_a_token_is_made_once_and_kept_for_its_owner_alone(elsewhere: Path) -> None:
    """Asked again, by whatever process, it is the same."""
    token = load_settings().admin_token()
    assert len(token) >= 32
    assert load_settings().admin_token() == token
    assert (elsewhere / "data" / "admin-token").stat().st_mode & 0o777 == 0o600
    assert load_settings().secret_key() != token


def test_secrets_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Settings in a log or a traceback tells nothing."""
    monkeypatch.setenv("ERRAND_ADMIN_TOKEN", "do-not-tell")
    assert "do-not-tell" not in repr(load_settings())


def test_a_key_for_a_cli_may_stand_in_dotenv(monkeypatch: pytest.MonkeyPatch, elsewhere: Path) -> None:
    """The environment wins over the file."""
    (elsewhere / ".env").write_text("SOME_KEY=from-file\nOTHER_KEY=from-file\n")
    monkeypatch.setenv("OTHER_KEY", "from-environment")
    given = for_clis()
    assert (given["SOME_KEY"], given["OTHER_KEY"]) == ("from-file", "from-environment")


def test_a_wrong_value_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The variable and what is wrong with it, before anything starts."""
    monkeypatch.setenv("ERRAND_CONCURRENCY", "many")
    with pytest.raises(InvalidSetting, match=r"ERRAND_CONCURRENCY is not valid: .* unset it"):
        load_settings()


@pytest.mark.parametrize("url", ["nonsense", "mysql://h/d", "postgresql+asyncpg://h/d", "://"])
def test_a_database_nobody_knows_is_named_before_anything_starts(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    """With what to write instead."""
    monkeypatch.setenv("DATABASE_URL", url)
    with pytest.raises(InvalidSetting, match="DATABASE_URL is not valid: it begins with postgres://"):
        load_settings()


@pytest.mark.parametrize(
    ("url", "is_open"),
    [
        ("redis://127.0.0.1:6379/0", False),
        ("redis://localhost:6379/0", False),
        ("redis://[::1]:6379/0", False),
        ("unix:///run/redis.sock", False),
        ("redis://:secret@redis.example.com:6379/0", False),
        ("redis://user:secret@10.0.0.7/0", False),
        ("redis://redis.example.com:6379/0", True),
        ("redis://user@10.0.0.7:6379/0", True),
        ("rediss://10.0.0.7:6379/0", True),
    ],
)
def test_a_redis_elsewhere_without_a_password_is_open(url: str, is_open: bool) -> None:  # noqa: FBT001
    """DB-07: what is warned of, and what is not."""
    assert Settings(_env_file=None, redis_url=url).open_redis is is_open


@pytest.mark.parametrize("keys", ["short", "a,b", "!" * 44])
def test_a_key_that_is_none_is_named_and_not_shown(monkeypatch: pytest.MonkeyPatch, keys: str) -> None:
    """The sentence says which setting it is."""
    monkeypatch.setenv("ERRAND_FERNET_KEYS", keys)
    with pytest.raises(InvalidSetting, match="ERRAND_FERNET_KEYS") as refused:
        load_settings()
    assert keys not in str(refused.value)


def test_tokens_go_over_https_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """But for a stand-in on this machine."""
    monkeypatch.setenv("ERRAND_CLAUDE_TOKEN_URL", "http://127.0.0.1:1/token")
    assert load_settings().claude_token_url
    monkeypatch.setenv("ERRAND_CLAUDE_TOKEN_URL", "http://example.com/token")
    with pytest.raises(InvalidSetting, match="https"):
        load_settings()
