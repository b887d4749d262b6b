"""Untrusted text on its way to a terminal."""

import random

import pytest

from app.cli.sanitise import RESET, Sanitiser, one_line, plain

_HOSTILE = [
    ("title \x1b]0;owned\x07end", "title end"),
    ("link \x1b]8;;http://x\x1b\\here\x1b]8;;\x1b\\", "link here"),
    ("clipboard \x1b]52;c;ZWNobw==\x07", "clipboard "),
    ("device \x1bP+q544e\x1b\\x", "device x"),
    ("up \x1b[3A\x1b[2K\x1b[1;1Hgone", "up gone"),
    ("alternate \x1b[?1049h\x1b[6n", "alternate "),
    ("reset \x1bc and charset \x1b(0", "reset  and charset "),
    ("bell \x07 back \x08\x08 del \x7f nul \x00", "bell  back  del  nul "),
    ("eight bits \x9b31m \x9d0;t\x07 \x90q\x9c \x85", "eight bits    "),
    ("over\rwritten\r\n", "over\nwritten\n"),
    ("turned \u202earound\u202c \u2066x\u2069", "turned around x"),
    ("half \ud800 a character", "half  a character"),
    ("unclosed \x1b]0;swallows only\nits own line", "unclosed \nits own line"),
    ("cut off \x1b[3", "cut off "),
    ("cut off \x1b]0;ti", "cut off "),
    ("tabs\tand ünïcödé 🙂 stay\n", "tabs\tand ünïcödé 🙂 stay\n"),
]


@pytest.mark.parametrize(("given", "shown"), _HOSTILE)
def test_only_text_gets_through(given: str, shown: str) -> None:
    """Nothing that moves, rings, asks or renames reaches the terminal."""
    assert plain(given) == shown


@pytest.mark.parametrize(("given", "shown"), _HOSTILE)
def test_where_it_is_cut_makes_no_difference(given: str, shown: str) -> None:
    """Streamed text arrives in pieces."""
    for seed in range(20):
        cut = random.Random(seed)
        sanitiser, out, rest = Sanitiser(colours=False), "", given
        while rest:
            size = cut.randint(1, 4)
            out += sanitiser.feed(rest[:size])
            rest = rest[size:]

        assert out + sanitiser.finish() == shown


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "\x1b[31mred\x1b[0m"),
        ("\x1b[1;38;5;208mx", "\x1b[1;38;5;208mx"),
        ("\x1b[48;2;1;2;3mx", "\x1b[48;2;1;2;3mx"),
        ("\x1b[mx", "\x1b[0mx"),
        ("\x1b[8mhidden\x1b[5mblinking", "hiddenblinking"),
        ("\x1b[31;8mx", "\x1b[31mx"),
        ("\x1b[38;5mx\x1b[>4;2mx\x1b[4:3mx\x1b[31 mx", "xxxx"),
    ],
)
def test_colours_and_nothing_else_of_them_pass(given: str, shown: str) -> None:
    """What hides or blinks does not, nor what only looks like a colour."""
    assert Sanitiser(colours=True).feed(given) == shown


def test_a_reset_goes_back_to_the_base_style() -> None:
    """Dim stays dim, whatever it quotes."""
    dim = "\x1b[2m"

    assert Sanitiser(colours=True, base=dim).feed("\x1b[31ma\x1b[0mb") == f"\x1b[31ma{RESET}{dim}b"


@pytest.mark.no_cover
@pytest.mark.timeout(10)
@pytest.mark.parametrize("opener", ["\x1b]", "\x90", "\x1b[", "\x1b[1;", "\x1b", "\x9b", "\x1b]\x1b"])
def test_a_flood_of_openers_takes_no_time(opener: str) -> None:
    """Cost grows with the length, not with its square."""
    sanitiser = Sanitiser(colours=True)

    for _ in range(3):
        sanitiser.feed(opener * 200_000)

    assert len(sanitiser._pending) < 100


def test_one_line_is_one_short_line() -> None:
    """Whatever it was before."""
    assert one_line("a\n\x1b[31m b\tc", 80) == "a b c"
    assert one_line("x" * 100, 10) == "x" * 9 + "…"
