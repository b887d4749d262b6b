"""Notices on the wire."""

import pytest

from app.domain.task import SessionId, TaskId
from app.live.channel import Notice


def test_a_notice_survives_the_wire() -> None:
    """What goes in comes out, payload untouched."""
    notice = Notice(TaskId("t"), SessionId("s"), 7, 3, b'[{"seq":3,"text":"a\\n"}]')

    assert Notice.decode(notice.encode()) == notice


@pytest.mark.parametrize(
    "data",
    [b"", b"\n", b"\xff\xfe", b"[]", b'["t","s",1]', b'["t","s","1",2]', b'{"t":1}', b'["t","s",1,2]\nx'],
)
def test_anything_else_is_refused(data: bytes) -> None:
    """A message that is no Notice is a ValueError, nothing worse."""
    with pytest.raises(ValueError):  # noqa: PT011 - orjson's and ours
        Notice.decode(data)
