"""Lines of a stream, cut the same way whatever the reads."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.runner.adapters.lines import PIECE, Line, LineSplitter, pieces


def split(*reads: bytes, limit: int = PIECE) -> list[Line]:
    """Return the lines of these reads."""
    splitter = LineSplitter(limit)
    lines = [line for read in reads for line in splitter.feed(read)]
    return [*lines, *splitter.finish()]


@pytest.mark.parametrize(
    ("reads", "lines"),
    [
        ([b"a\nb\n"], [b"a", b"b"]),
        ([b"a", b"b\n", b"c"], [b"ab", b"c"]),
        ([b"a\r\n\r\nb\r"], [b"a", b"", b"b"]),
        ([b"a\rb\n"], [b"a\rb"]),
        ([b"", b"\n", b""], [b""]),
        ([], []),
    ],
)
def test_lines_are_cut_at_their_ends(reads: list[bytes], lines: list[bytes]) -> None:
    """Both kinds of line ends; a last line needs none."""
    assert split(*reads) == [Line(line) for line in lines]


@pytest.mark.parametrize("reads", [1, 7, 1000, PIECE, 10**9])
def test_a_line_over_the_limit_comes_in_pieces(reads: int) -> None:
    """Each marked, none longer than PIECE, cut between characters, and the next line is whole again."""
    stream = "ä€😀".encode() * 30_000 + b"\nnext\n"

    cut = [stream[start : start + reads] for start in range(0, len(stream), reads)]
    lines = split(*cut, limit=2 * PIECE)

    assert lines[-1] == Line(b"next")
    assert all(not line.whole and len(line.data) <= PIECE for line in lines[:-1])
    assert "".join(line.data.decode() for line in lines[:-1]) == "ä€😀" * 30_000


def test_bytes_that_are_no_characters_are_cut_all_the_same() -> None:
    """A run of continuation bytes has no boundary to look for."""
    assert [len(piece) for piece in pieces(b"\x80" * (PIECE + 5))] == [PIECE, 5]


@given(st.lists(st.binary(max_size=12)))
def test_where_reads_end_makes_no_difference(reads: list[bytes]) -> None:
    """Any cut of a stream gives the lines of the whole."""
    assert split(*reads, limit=4) == split(b"".join(reads), limit=4)
