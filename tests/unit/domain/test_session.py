"""A Session: Tasks in order, none twice, cost exact."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from app.domain.session import Session, title_from
from app.domain.task import SessionId, TaskId
from app.errors import Conflict
from tests.unit.domain.test_task import a_task

NOW = datetime(2026, 1, 2, tzinfo=UTC)
EMPTY = Session(id=SessionId("s"), title="t", agent="brain", created_at=NOW, updated_at=NOW)


def test_cost_adds_up_exactly() -> None:
    """Ten times a tenth of a dollar is a dollar."""
    session = EMPTY
    for n in range(10):
        session = session.with_task(
            a_task().model_copy(update={"id": TaskId(str(n)), "cost_usd": Decimal("0.1")})
        )
    assert session.cost_usd == 1
    assert session.task_ids == tuple("0123456789")


def test_a_task_is_in_a_session_once() -> None:
    """The same Task twice, or another Session's, is refused."""
    session = EMPTY.with_task(a_task())
    with pytest.raises(Conflict, match="already"):
        session.with_task(a_task())
    with pytest.raises(Conflict, match="another session"):
        session.with_task(a_task().model_copy(update={"id": TaskId("u"), "session_id": SessionId("other")}))


@pytest.mark.parametrize(
    ("message", "title"),
    [("hello", "hello"), ("\n  two\nlines", "two"), ("  ", "Untitled"), ("x" * 81, "x" * 79 + "…")],
)
def test_a_title_is_the_first_line(message: str, title: str) -> None:
    """Blank lines are passed over and long ones cut."""
    assert title_from(message) == title
