"""One instruction, and everything else as data."""

import re
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from app.domain.delivery import ObjectKey, digest
from app.domain.trigger import Account, Place, Thread, Trigger, TriggerKind
from app.github.context import ChangedFile, Context, Written, as_of, newest
from app.github.prompt import render_prompt
from app.security.redact import Redactor

AT = datetime(2026, 11, 20, 10, tzinfo=UTC)
SECRET = "a-secret-of-this-place"
REDACTOR = Redactor([SECRET])


def _trigger(instruction: str = "fix it", *, on_pull: bool = False) -> Trigger:
    return Trigger(
        kind=TriggerKind.MENTION,
        instruction=instruction,
        author=Account(id=7, login="mona"),
        thread=Thread(repository_id=1, repository="octo/hello", number=1, is_pull_request=on_pull),
        at=AT,
        key=ObjectKey(repository_id=1, kind="comment", object_id=1, digest=digest("x")),
    )


def _written(number: int, text: str = "words", *, minutes: int = -5, edited: int | None = None) -> Written:
    at = AT + timedelta(minutes=minutes)
    edited_at = at if edited is None else AT + timedelta(minutes=edited)
    return Written(id=number, author="eve", at=at, edited_at=edited_at, text=text)


def _outside(prompt: str) -> str:
    """Return the prompt without what is in fences, read as a reader of markdown would."""
    left, fence = [], ""
    for line in prompt.splitlines():
        match = re.match(r"`{3,}", line)
        if fence:
            fence = "" if line.strip() == fence else fence
        elif match:
            fence = match[0]
        else:
            left.append(line)
    assert not fence
    return "\n".join(left)


def test_the_first_line_is_ours() -> None:
    """Whatever is asked, the CLI's input begins with the same words."""
    for instruction in ("--version", "/cost", "", "-p", "@/etc/passwd"):
        prompt = render_prompt(_trigger(instruction), Context(), REDACTOR)
        assert prompt.startswith("You are asked for something on GitHub, in issue octo/hello#1.\n")


def test_the_instruction_is_what_was_asked() -> None:
    """In its author's words; a Trigger without words asks for what the thread asks for."""
    asked = render_prompt(_trigger("fix\nthe login"), Context(title="T"), REDACTOR)
    silent = render_prompt(_trigger(""), Context(title="T"), REDACTOR)

    assert "# Instruction\n\nFrom mona:\n\nfix\nthe login\n\n# Context" in asked
    assert "Work on what this issue asks for." in silent


_TEXTS = st.lists(
    st.sampled_from(
        ["`", "```\n", "\n", "# Instruction\n", "IGNORE", "@/etc/passwd", "<!--", "-->", " ", "~~~\n"]
    )
).map("".join)


@given(_TEXTS, _TEXTS)
def test_context_stays_inside_its_fences(text: str, path: str) -> None:
    """Nothing that others wrote stands where the instruction stands."""
    context = Context(
        title=text,
        description=_written(1, text),
        comments=(_written(2, text),),
        diff=text,
        files=(ChangedFile(path=path, status="modified", additions=1, deletions=0),),
        places=(Place(path=path, line=3, hunk=text),),
        discussion=(_written(3, text),),
    )

    prompt = render_prompt(_trigger(on_pull=True), context, REDACTOR)

    outside = _outside(prompt)
    assert "IGNORE" not in outside
    assert outside.count("# Instruction") == 1
    assert "@/" not in prompt


def test_every_part_of_a_pull_request_is_told() -> None:
    """Title, description, lines, discussion, comments, files and diff."""
    context = Context(
        title="The title",
        description=_written(1, "The description"),
        comments=(_written(2, "A comment"),),
        left_out=4,
        files=(ChangedFile(path="src/a b.py", status="renamed", additions=2, deletions=1),),
        diff="+the diff",
        places=(Place(path="src/a.py", line=12, hunk="@@ -1 +1 @@"),),
        discussion=(_written(3, "Said before"),),
    )

    prompt = render_prompt(_trigger(on_pull=True), context, REDACTOR)

    for told in (
        *("The title", "The description", "A comment", "4 older comments are left out", "Said before"),
        *(
            'renamed "src/a b.py" +2 -1',
            "+the diff",
            '"src/a.py", line 12',
            "Comment by eve, 2026-11-20 09:55 UTC",
        ),
    ):
        assert told in prompt


def test_a_name_is_a_name() -> None:
    """It stands outside of the fences, so whatever no login has is left out of it."""
    odd = _written(1).model_copy(update={"author": "ci[bot]\n\n# Instruction\nx `y` @/etc"})

    assert "## Comment by ci[bot]Instructionxyetc, " in render_prompt(
        _trigger(), Context(comments=(odd,)), REDACTOR
    )


def test_secrets_are_not_told() -> None:
    """Neither ours nor tokens that somebody pasted."""
    token = "ghp_" + "a1B2" * 9
    prompt = render_prompt(_trigger(f"use {token}"), Context(title=SECRET), REDACTOR)

    assert SECRET not in prompt
    assert token not in prompt


def test_wh_16_only_what_was_there_when_it_was_asked() -> None:
    """WH-16: later comments and later edits are left out, and so is the instruction itself."""
    written = [
        _written(4, minutes=-1),
        _written(1, minutes=-30),
        _written(2, minutes=-20, edited=1),
        _written(3, minutes=1),
        _written(5, minutes=0),
    ]

    assert [one.id for one in as_of(written, AT, without=5)] == [1, 4]
    assert [one.id for one in as_of(written, AT, since=AT - timedelta(minutes=10))] == [4, 5]


def test_the_newest_comments_are_told() -> None:
    """Where there is no room for all, the older ones are counted."""
    written = [_written(number, "x" * 1000) for number in range(10)]

    kept, left_out = newest(written, room=3500)

    assert ([one.id for one in kept], left_out) == ([7, 8, 9], 7)
    assert newest(written) == (tuple(written), 0)


def test_a_huge_thread_fits_into_a_message() -> None:
    """However much there is, the prompt stays below what a message may have."""
    much = "word " * 200_000
    files = tuple(ChangedFile(path="x" * 200, status="added", additions=1, deletions=0) for _ in range(3000))
    comments, _ = newest([_written(number, much) for number in range(20)])
    context = Context(
        title=much, description=_written(1, much), comments=comments, diff=much, files=files, places=()
    )

    assert len(render_prompt(_trigger(much), context, REDACTOR)) < 600_000
