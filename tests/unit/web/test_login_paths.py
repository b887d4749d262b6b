"""Where one goes after signing in."""

import pytest

from app.web.login import local


@pytest.mark.parametrize("path", ["/", "/tasks/1?a=b#c", "/tasks/../x"])
def test_a_path_of_ours_is_kept(path: str) -> None:
    """One ends up where one wanted to go."""
    assert local(path) == path


@pytest.mark.parametrize(
    "path",
    [
        None,
        "",
        "tasks",
        "//evil.example",
        "/\\evil.example",
        "https://evil.example",
        "javascript:x",
        "/\t/evil.example",
        "/\n",
    ],
)
def test_everything_else_leads_to_the_first_page(path: str | None) -> None:
    """A link to our sign-in can't send one elsewhere."""
    assert local(path) == "/"
