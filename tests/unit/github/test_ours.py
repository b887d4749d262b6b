"""Where git goes with a token."""

import pytest

from app.github.access import Scope, TokenAccess
from app.github.ours import Ours
from app.github.payload import Repository

SERVER = "https://git.example.com"


@pytest.mark.parametrize(
    ("said", "used"),
    [
        ("https://git.example.com:8443/octo/hello.git", "https://git.example.com:8443/octo/hello.git"),
        ("https://github.com/octo/hello.git", f"{SERVER}/octo/hello.git"),
        ("http://git.example.com/octo/hello.git", f"{SERVER}/octo/hello.git"),
        ("ext::sh -c id", f"{SERVER}/octo/hello.git"),
        ("file:///etc", f"{SERVER}/octo/hello.git"),
        (None, f"{SERVER}/octo/hello.git"),
    ],
)
def test_it_is_cloned_from_githubs_own_host(said: str | None, used: str) -> None:
    """GitHub says from where; a token goes to no other host, and not in the clear where the API is not."""
    ours = Ours(TokenAccess("a-token", f"{SERVER}/api/v3"), SERVER)
    remote = ours.remote(Repository(id=1, full_name="octo/hello", clone_url=said), Scope.READ)

    assert (remote.url, remote.protocols, remote.token) == (used, ("https",), "a-token")
