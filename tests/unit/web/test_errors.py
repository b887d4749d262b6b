"""Every error of the tree has a status, in one table."""

import pytest

from app.errors import ErrandError, Forbidden, Invalid, LeaseLost, NotFound, TooLarge, TooMany, Unavailable
from app.web.errors import status_of


def _tree(kind: type[ErrandError]) -> list[type[ErrandError]]:
    return [kind, *(child for direct in kind.__subclasses__() for child in _tree(direct))]


@pytest.mark.parametrize("kind", _tree(ErrandError))
def test_each_error_has_a_status(kind: type[ErrandError]) -> None:
    """Nobody can add an error that the web does not know."""
    assert 400 <= status_of(kind.__new__(kind)) <= 599


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (Invalid(), 400),
        (Forbidden(), 403),
        (NotFound(), 404),
        (LeaseLost(), 409),
        (TooLarge(), 413),
        (TooMany(), 429),
        (Unavailable(), 503),
    ],
)
def test_statuses_mean_what_http_says(error: ErrandError, status: int) -> None:
    """Programs can go by the status alone."""
    assert status_of(error) == status
