"""Cards: what is open, what is folded, what stays where it is."""

from app.db.runs import Ending
from app.domain.event import Event, Notice, Raw, Result, Text, ToolCall, ToolResult
from app.domain.reason import Reason
from app.domain.task import AttemptState, TaskState

from .stage import Stage
from .visitor import Visitor

_SCROLL = "document.querySelector('.scroll')"


def _tool(number: int, name: str, text: str = "fine", *, ok: bool = True, **given: str) -> list[Event]:
    call = ToolCall(id=f"call-{number}", name=name, input={**given})
    return [call, ToolResult(id=call.id, ok=ok, text=text)]


def test_runs_of_a_tool_fold_failures_stay_open(visitor: Visitor, stage: Stage) -> None:
    """Three reads are one row; the command that failed shows its exit code and output at once."""
    reads = [event for n in range(3) for event in _tool(n, "Read", file_path=f"f{n}.py")]
    failure = _tool(9, "Bash", "Exit code 1\nno such thing", ok=False, command="make")
    task = stage.play("Fold", [*reads, *failure])
    visitor.go(f"/sessions/{task.session_id}")

    assert "3 files" in visitor.see(".fold > .row").inner_text()
    assert visitor.page.locator(".fold.is-open").count() == 0
    failed = visitor.see(".is-failed")
    assert "exit 1" in failed.inner_text()
    assert "no such thing" in failed.inner_text()
    visitor.page.click(".fold > .row")
    assert visitor.page.locator(".fold .row-card").count() == 3


def test_an_edit_is_a_diff(visitor: Visitor, stage: Stage) -> None:
    """What went, what came, and how much of it in the closed row."""
    edit = _tool(1, "Edit", file_path="a.py", old_string="one\ntwo\nthree", new_string="one\n2\nthree\nfour")
    task = stage.play("Edit", edit)
    visitor.go(f"/sessions/{task.session_id}")
    row = visitor.see(".card-tools .row")

    assert "+2 \N{MINUS SIGN}1" in row.inner_text()
    row.click()
    assert visitor.see(".diff-line.removed .diff-text").inner_text() == "two"
    assert visitor.page.locator(".diff-line.added .diff-text").all_inner_texts() == ["2", "four"]


def test_long_output_shows_head_and_tail(visitor: Visitor, stage: Stage) -> None:
    """The middle comes on request; colours are there, other control sequences are not."""
    lines: list[Event] = [Raw(text=f"\x1b[32mline\x1b[0m {n}\x1b]0;title\x07\x1b[2J") for n in range(1000)]
    task = stage.play("Long", lines)
    visitor.go(f"/sessions/{task.session_id}")
    more = visitor.see(".output .more")

    assert more.inner_text() == "968 lines more"
    assert visitor.see(".ansi-green-fg").inner_text() == "line"
    assert "\x1b" not in visitor.see(".output").inner_text()
    assert "title" not in visitor.see(".output").inner_text()
    more.click()
    visitor.until("document.querySelector('.output').textContent.match(/line \\d+/g).length === 1000")


def test_a_failure_says_what_happened_what_is_kept_and_what_to_do(visitor: Visitor, stage: Stage) -> None:
    """A sentence, not a code; and it stands under "Needs you" until it was seen."""
    sentence = "The CLI ended with exit code 3. Read the end of its output, then retry."
    ending = Ending(
        task_state=TaskState.FAILED,
        attempt_state=AttemptState.FAILED,
        reason=Reason.EXIT_CODE,
        detail=sentence,
        exit_code=3,
    )
    task = stage.play("Break", [Result(ok=False, text="boom", turns=2)], ending=ending)
    visitor.go(f"/tasks/{task.id}")
    card = visitor.see(".end.failed")

    assert sentence in card.inner_text()
    assert "Kept: everything it printed and the workspace." in card.inner_text()
    assert card.get_by_role("button", name="Retry").is_visible()
    link = card.get_by_role("link", name="Show output")
    assert link.get_attribute("href") == f"/api/tasks/{task.id}/output"
    visitor.see(".needs-you .entry[title=Break]")
    card.get_by_role("button", name="Mark as seen").click()
    visitor.until("!document.querySelector('.needs-you .entry[title=Break]')")


def test_reading_is_never_moved_by_what_comes(visitor: Visitor) -> None:
    """Scrolled up while it streams, one stays where one is; "Latest" leads back and follows again."""
    visitor.go("/")
    visitor.page.fill("#prompt", "Count to 2000")
    visitor.page.press("#prompt", "Enter")
    visitor.until("document.querySelector('.scroll')?.scrollHeight > 1500")
    # The reader's own way up: a wheel, not a script.
    visitor.page.mouse.move(640, 300)
    visitor.page.mouse.wheel(0, -500)
    visitor.see(".latest")
    top, height = visitor.run(f"[{_SCROLL}.scrollTop, {_SCROLL}.scrollHeight]")
    visitor.until(f"{_SCROLL}.scrollHeight > {height + 200}")
    assert visitor.run(f"{_SCROLL}.scrollTop") == top

    visitor.page.click(".latest")
    visitor.see(".end .state-completed", timeout=30)
    visitor.until(f"{_SCROLL}.scrollHeight - {_SCROLL}.scrollTop - {_SCROLL}.clientHeight < 2")


def test_twenty_thousand_events_are_usable_within_three_seconds(visitor: Visitor, stage: Stage) -> None:
    """From the address to a page that shows the end and takes a key."""
    kinds = (
        lambda n: Text(text=f"Paragraph **{n}**, with `code`."),
        lambda n: ToolCall(id=f"call-{n}", name="Bash", input={"command": f"echo {n}"}),
        lambda n: ToolResult(id=f"call-{n - 1}", ok=True, text=f"{n - 1}"),
        lambda n: Notice(code="note", text=f"Notice {n}"),
        lambda n: Raw(text=f"line {n}"),
    )
    script: list[Event] = [kinds[n % len(kinds)](n) for n in range(20_000)]
    task = stage.play("Twenty thousand", [*script, Text(text="The very end.")])
    visitor.go("/")
    visitor.see(".entry[title='Twenty thousand']")

    began = visitor.run("performance.now()")
    visitor.page.click(".entry[title='Twenty thousand']")
    visitor.see("text=The very end.")
    visitor.page.type("#prompt", "k")
    took = visitor.run("performance.now()") - began

    assert visitor.page.input_value("#prompt") == "k"
    assert took < 3000
    assert visitor.api(f"/api/tasks/{task.id}")["last_seq"] > 20_000
