"""Which Origin counts as ours."""

import pytest

from app.security.origin import same_origin


@pytest.mark.parametrize(
    ("origin", "ours"),
    [
        ("http://127.0.0.1:8000", True),
        ("https://127.0.0.1:8000", True),
        ("HTTP://127.0.0.1:8000", True),
        ("http://127.0.0.1:8001", False),
        ("http://localhost:8000", False),
        ("http://127.0.0.1:8000.evil.example", False),
        ("http://evil.example/127.0.0.1:8000", False),
        ("https://errand.example", True),
        ("http://errand.example", False),
        ("null", False),
        ("", False),
        ("file://127.0.0.1:8000", False),
        ("http://[", False),
    ],
)
def test_only_our_host_and_the_public_address_are_ours(origin: str, *, ours: bool) -> None:
    """Everything that merely looks like it is foreign."""
    found = same_origin(origin, host="127.0.0.1:8000", public_url="https://errand.example/")

    assert found is ours
