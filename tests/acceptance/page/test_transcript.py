"""Cards: what is open, what is folded, what stays where it is."""

from app.domain.event import Event, Notice, Raw, Text, ToolCall, ToolResult

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


def test_a_long_diff_shows_its_rest_on_request(visitor: Visitor, stage: Stage) -> None:
    """What is left out is one button away."""
    task = stage.play("Long edit", _tool(1, "Write", file_path="a.py", content="line\n" * 500))
    visitor.go(f"/sessions/{task.session_id}")
    visitor.see(".card-tools .row").click()
    more = visitor.see(".diff .more")
    assert more.inner_text() == "100 lines more"
    more.click()

    visitor.until("document.querySelectorAll('.diff-line.added').length === 500")
    assert visitor.page.locator(".diff .more").count() == 0


def test_a_control_sequence_without_its_end_swallows_nothing(visitor: Visitor, stage: Stage) -> None:
    """Whatever begins and never ends is over with its line, and a colour before it still holds."""
    text = "a\x1b]0;t\nsecond\nthird\nx\x90y\nrest\n\x1b[31mred\x1b[\N{BULLET} and more"
    task = stage.play("Unfinished", _tool(1, "Bash", text, ok=False, command="print"))
    visitor.go(f"/sessions/{task.session_id}")

    shown = visitor.see(".is-failed .output").inner_text()
    assert shown.split() == ["a", "second", "third", "x", "rest", "red\N{BULLET}", "and", "more"]
    assert visitor.see(".ansi-red-fg").inner_text().startswith("red")


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


def test_a_link_to_a_task_shows_that_task(visitor: Visitor, stage: Stage) -> None:
    """Opened cold, while all of the conversation still comes in, its details too; then the reader is free."""
    long = [Text(text=f"Line {n}.\n\n" * 20) for n in range(20)]
    first = stage.play("The first of four", long)
    second, *_ = [stage.play(f"Another {n}", long, after=first) for n in range(3)]
    top = f"{_SCROLL}.getBoundingClientRect().top"
    for task in (first, second):
        visitor.go(f"/tasks/{task.id}")
        visitor.until("document.querySelectorAll('.end .state-completed').length === 4")
        visitor.until("[...document.querySelectorAll('.section')].every((section) => section.firstChild)")
        its = f"document.querySelector('#task-{task.id}').getBoundingClientRect().top"
        visitor.until(f"Math.abs({its} - {top}) < 30")
        visitor.see(".latest")
        assert task.id in visitor.see(".details").inner_text()

    before = visitor.run(f"{_SCROLL}.scrollTop")
    visitor.page.mouse.move(640, 300)
    visitor.page.mouse.wheel(0, 300)
    visitor.until(f"{_SCROLL}.scrollTop > {before + 200}")
    visitor.page.set_viewport_size({"width": 1280, "height": 700})
    visitor.page.set_viewport_size({"width": 1280, "height": 860})
    assert visitor.run(f"{_SCROLL}.scrollTop") > before + 200


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


def _opened(visitor: Visitor, title: str, end: str) -> float:
    """Return the milliseconds from a click in the list to a page that shows the end and takes a key."""
    visitor.go("/")
    entry = f".entry[title='{title}']"
    visitor.see(entry)
    began = visitor.run("performance.now()")
    visitor.page.click(entry)
    visitor.see(f"text={end}")
    visitor.page.type("#prompt", "k")
    took: float = visitor.run("performance.now()") - began
    assert visitor.page.input_value("#prompt").endswith("k")
    return took


def test_a_hundred_thousand_events_are_usable_within_three_seconds(visitor: Visitor, stage: Stage) -> None:
    """UI-05: from the address to a page that shows the end and takes a key."""
    kinds = (
        lambda n: Text(text=f"Paragraph **{n}**, with `code`."),
        lambda n: ToolCall(id=f"call-{n}", name="Bash", input={"command": f"echo {n}"}),
        lambda n: ToolResult(id=f"call-{n - 1}", ok=True, text=f"{n - 1}"),
        lambda n: Notice(code="note", text=f"Notice {n}"),
        lambda n: Raw(text=f"line {n}"),
    )
    script: list[Event] = [kinds[n % len(kinds)](n) for n in range(100_000)]
    task = stage.play("A hundred thousand", [*script, Text(text="The very end.")])
    stage.play("A few", [Text(text="The very end.")])
    # On a busy machine by what else takes long on it: on an idle one a few take an eighth of it.
    few = max(_opened(visitor, "A few", "The very end.") for _ in range(2))
    most = max(3000, 16 * few)
    assert min(_opened(visitor, "A hundred thousand", "The very end.") for _ in range(3)) < most
    assert visitor.api(f"/api/tasks/{task.id}")["last_seq"] > 100_000
