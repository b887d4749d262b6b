"""What a person does not see on the page, a model does not get to read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.github.cleaning import fenced, inert, plain, shortened, visible


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("plain *text* `code`", "plain *text* `code`"),
        ("a <!-- SECRET --> b", "a  b"),
        ("a\n<!-- SECRET\n\nSECRET", "a\n"),
        ("<!--\n```\nSECRET\n```\n-->b", "b"),
        ("```html\n<!-- shown --> &amp; <p x=y>\n```", "```html\n<!-- shown --> &amp; <p x=y>\n```"),
        ("    <!-- shown -->", "    <!-- shown -->"),
        ("![SECRET](http://x/y.png 'SECRET')", "![](http://x/y.png)"),
        ('[text](http://x/ "SECRET")', "[text](http://x/)"),
        ("[text](<http://x/> (SECRET))", "[text](<http://x/>)"),
        ('[text][r]\n\n[r]: http://x "SECRET"', "[text][r]\n\n[r]: http://x"),
        ("[//]: # (SECRET)\nb", "\nb"),
        ("[comment]: <> (SECRET)\nb", "\nb"),
        ('<img src="x.png" alt="SECRET" title=\'SECRET\' data-x=SECRET>', '<img src="x.png">'),
        ("<p aria-label=SECRET>b</p>", "<p>b</p>"),
        ("<span hidden>SECRET</span>b", "b"),
        ('<div style="DISPLAY : none">SECRET</div>b', "b"),
        ("<script>SECRET</script>b", "b"),
        ("<template>SECRET", ""),
        ("a&#8203;&#x202e;&zwnj;b &lt;i&gt;", "ab <i>"),
        ("a\u200b\u202e\ufeff\u2066\u00ad\U000e0041\x00\x1bb", "a"),
        ("\x1b[31mred\x1b[0m \x1b]8;;http://x\x07link\x1b]8;;\x07", "red link"),
        ("family 👨‍👩‍👧 and e\u0301", "family 👨👩👧 and e\u0301"),
        ("a\r\nb\rc", "a\nb\nc"),
        ("Vec<T> and a < b > c", "Vec<T> and a < b > c"),
    ],
)
def test_only_what_is_seen_is_left(text: str, seen: str) -> None:
    """Comments, attributes, titles, hidden elements, invisible characters and entities of them go."""
    assert visible(text) == seen


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("see @/etc/passwd", "see @ /etc/passwd"),
        ("@~/.ssh/id and @notes.txt,@./x", "@ ~/.ssh/id and @ notes.txt,@ ./x"),
        ('@"/etc/passwd"', '@ "/etc/passwd"'),
        ("@@/etc/passwd", "@@ /etc/passwd"),
        ("&#64;/etc/passwd", "@ /etc/passwd"),
        ("@\u200b/etc/passwd", "@ /etc/passwd"),
        ("5 @ 3\n@\n", "5 @ 3\n@\n"),
    ],
)
def test_no_word_reads_a_file(text: str, safe: str) -> None:
    """`@path` is a CLI's way to read a file, whatever its tools; hidden spellings come to the same."""
    assert inert(visible(text)) == safe


@given(st.text())
def test_cleaning_twice_changes_nothing_more_in_plain(text: str) -> None:
    """What was taken out does not appear again by taking it out."""
    assert plain(plain(text)) == plain(text)
    assert inert(inert(text)) == inert(text)


_PIECES = st.sampled_from(
    ["`", "```", "~~~", "\n", "a", "<!--", "-->", "<", ">", "[", "](", ")", "&#64;", "@", "/x"]
)


@given(st.lists(_PIECES, max_size=30).map("".join))
def test_no_text_closes_its_fence(text: str) -> None:
    """No line of what is fenced is as long a fence as the one around it."""
    lines = fenced(text).split("\n")

    assert lines[0] == f"{lines[-1]}text"
    assert not [line for line in lines[1:-1] if lines[-1] in line]


@given(st.lists(_PIECES, max_size=40).map("".join))
def test_cleaning_never_fails(text: str) -> None:
    """And no @ is left before a path."""
    found = inert(visible(text))

    assert "@/x" not in found


@given(st.text(min_size=1), st.integers(1, 50))
def test_what_is_left_out_is_counted(text: str, most: int) -> None:
    """A text is the whole, or it says how much is missing."""
    found = shortened(text, most)

    assert found == text if len(text) <= most else "more characters left out]" in found


@pytest.mark.parametrize(
    "piece",
    [
        "<!--",
        "<",
        "<a ",
        "<script>",
        "<p hidden>",
        "![",
        "[a](",
        '[a](b "',
        "[a]: b",
        "&#",
        "\x1b]",
        "`",
        "> ",
    ],
)
@pytest.mark.timeout(20)
def test_a_hostile_text_is_cleaned_in_seconds(piece: str) -> None:
    """Sixty-five thousand characters that are slow to read do not keep a worker for long."""
    visible(piece * (65_536 // len(piece)))
