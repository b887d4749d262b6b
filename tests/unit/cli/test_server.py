"""Which server, and who is shown the token."""

from pathlib import Path

import pytest

from app.cli.server import find_server
from app.errors import Invalid
from app.settings import Settings


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data dir with a token, as bin/up leaves it."""
    (tmp_path / "admin-token").write_text("kept\n")
    return tmp_path


def _settings(data: Path, **given: object) -> Settings:
    return Settings.model_validate({"data_dir": data, **given})


def test_the_address_is_the_most_explicit_one(data: Path) -> None:
    """--url, ERRAND_URL, ERRAND_PUBLIC_URL, PORT."""
    everything = {"server_url": "http://b:1", "public_url": "https://c", "port": 9}

    assert find_server(_settings(data, **everything), url="http://a:1/").url == "http://a:1"
    assert find_server(_settings(data, **everything)).url == "http://b:1"
    assert find_server(_settings(data, public_url="https://c", port=9)).url == "https://c"
    assert find_server(_settings(data, port=9)).url == "http://127.0.0.1:9"
    assert find_server(_settings(data, public_url="https://c")).socket_url == "wss://c"


@pytest.mark.parametrize(
    "url", ["", "localhost:8000", "ftp://x", "http://", "http://a:b", "http://u:p@h", "http://h/?q"]
)
def test_what_is_no_address_is_refused(data: Path, url: str) -> None:
    """In a sentence, before anything is sent."""
    with pytest.raises(Invalid):
        find_server(_settings(data, server_url=url or "x"))


@pytest.mark.parametrize("url", ["http://127.0.0.1:8000", "http://localhost:1", "http://[::1]:1"])
def test_the_kept_token_is_for_this_machine(data: Path, url: str) -> None:
    """Its server made it."""
    assert find_server(_settings(data), url=url).token == "kept"


def test_the_kept_token_is_shown_to_no_stranger(data: Path) -> None:
    """Only the address that the server itself is known by gets it; for others it is given by hand."""
    stranger = find_server(_settings(data), url="https://elsewhere.example")
    assert stranger.token is None
    assert "ERRAND_ADMIN_TOKEN" in stranger.hint

    assert find_server(_settings(data, public_url="https://c")).token == "kept"
    given = _settings(data, admin_token_given="given")
    assert find_server(given, url="https://elsewhere.example").token == "given"


def test_a_token_that_no_header_can_carry_is_refused(data: Path) -> None:
    """Before it is sent."""
    for token in ("ünïcode", "two\nlines"):
        with pytest.raises(Invalid):
            find_server(_settings(data, admin_token_given=token))


def test_a_token_is_never_made_by_asking(tmp_path: Path) -> None:
    """One that the server does not know would only confuse."""
    found = find_server(_settings(tmp_path / "nowhere"))

    assert found.token is None
    assert "ERRAND_DATA_DIR" in found.hint
    assert not (tmp_path / "nowhere").exists()
