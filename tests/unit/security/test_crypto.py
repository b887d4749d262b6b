"""The Vault: sealed under the newest key, opened under any, bound to its name."""

import pytest
from cryptography.fernet import Fernet

from app.security.crypto import Unreadable, Vault

OLD, NEW = (Fernet.generate_key().decode() for _ in range(2))
CONTENT = {"variables": {"KEY": "a-secret"}, "claude": None}


def test_what_is_sealed_opens_and_shows_nothing() -> None:
    """Twice the same is not the same text, and neither holds the secret."""
    vault = Vault([OLD])
    one, other = vault.seal("a", CONTENT), vault.seal("a", CONTENT)

    assert vault.open("a", one) == vault.open("a", other) == CONTENT
    assert one != other
    assert "a-secret" not in one


@pytest.mark.parametrize("keys", [[NEW], [Fernet.generate_key().decode(), NEW]])
def test_under_another_key_it_does_not_open(keys: list[str]) -> None:
    """And says so in one way, whatever is wrong with it."""
    sealed = Vault([OLD]).seal("a", CONTENT)

    for text in (sealed, sealed[:-4], "", "x", "ж"):
        with pytest.raises(Unreadable):
            Vault(keys).open("a", text)
        with pytest.raises(Unreadable):
            Vault(keys).renewed(text)


def test_under_another_name_it_does_not_open() -> None:
    """A row that was renamed gives nothing away."""
    vault = Vault([OLD])
    with pytest.raises(Unreadable):
        vault.open("b", vault.seal("a", CONTENT))


def test_renewed_it_opens_under_the_new_key_alone() -> None:
    """The old one may go then."""
    sealed, both = Vault([OLD]).seal("a", CONTENT), Vault([NEW, OLD])

    again = both.renewed(sealed)

    assert not both.is_newest(sealed)
    assert both.is_newest(again)
    assert Vault([NEW]).open("a", again) == CONTENT
