"""What clients say they have."""

import pytest

from app.db.watch import Stand
from app.domain.task import SessionId, TaskId, TaskState
from app.errors import Invalid
from app.live.cursor import parse_after, parse_cursor

_ID = TaskId("11111111-1111-4111-8111-111111111111")


def _stand(position: int, last_seq: int = 50) -> Stand:
    return Stand(_ID, SessionId("s"), position, TaskState.RUNNING, last_seq, ())


def test_after_is_a_seq() -> None:
    """Nothing is 0."""
    assert [parse_after(None), parse_after(""), parse_after("0"), parse_after("120")] == [0, 0, 0, 120]


@pytest.mark.parametrize("text", ["-1", "x", "1.5", "1 ", "٣", "9" * 30, "1\n"])
def test_other_texts_are_refused(text: str) -> None:
    """With a sentence and a reason."""
    with pytest.raises(Invalid) as caught:
        parse_after(text)
    assert caught.value.code == "invalid_after"


def test_a_cursor_names_tasks_by_position_or_id() -> None:
    """Both say where the Task goes on."""
    assert parse_cursor("3:7").after(_stand(3)) == 7
    assert parse_cursor(f"{_ID}:9").after(_stand(3)) == 9


def test_tasks_before_the_first_named_position_are_left_out() -> None:
    """They begin at their end; later ones at 0; without positions all begin at 0."""
    cursor = parse_cursor("3:7,5:1")

    assert [cursor.after(_stand(n)) for n in (1, 2, 3, 4, 5, 6)] == [50, 50, 7, 0, 1, 0]
    assert parse_cursor(None).after(_stand(1)) == 0


@pytest.mark.parametrize("text", ["7", "1:", ":1", "1:2;3:4", "a:1", "1:2,", "1:-2"])
def test_other_cursors_are_refused(text: str) -> None:
    """With a sentence and a reason."""
    with pytest.raises(Invalid):
        parse_cursor(text)
