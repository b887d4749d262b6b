"""What goes on this moment: the pinned step, what was used so far, the lease."""

from decimal import Decimal

from app.domain.event import Event, Result, Text, ToolCall, Usage

from .stage import INTERRUPTED, Run, Stage
from .visitor import Visitor


def test_the_pinned_line_tells_what_was_used_so_far(visitor: Visitor, stage: Stage) -> None:
    """Tokens and, where the CLI tells them, dollars; as they come, in words of a few letters."""
    task = stage.begin("Use some", [Usage(input=400, output=2000, cache_read=10_000), Text(text="Hm.")])
    visitor.go(f"/sessions/{task.session_id}")
    assert visitor.see(".now-used").inner_text() == "12.4k tokens"

    stage.end(task)
    dear = stage.begin("Use more", [Usage(input=1000, cost_usd=Decimal("0.25"))])
    visitor.go(f"/sessions/{dear.session_id}")
    assert visitor.see(".now-used").inner_text() == "1k tokens · $0.25"
    stage.end(dear)


def test_a_new_attempt_begins_with_nothing_pinned(visitor: Visitor, stage: Stage) -> None:
    """The step, the list and the tokens of the attempt before are not those of this one."""
    todos = ToolCall(id="t", name="TodoWrite", input={"todos": [{"content": "Old", "status": "pending"}]})
    first: list[Event] = [todos, Usage(input=5000), Result(ok=True, text="Nearly.")]
    task = stage.begin("Begin again", [], before=[Run(first, INTERRUPTED)])
    visitor.go(f"/sessions/{task.session_id}")
    visitor.see("text=Nearly.")

    assert visitor.see(".now-step").inner_text() == "Starting"
    assert visitor.page.locator(".now .todos").count() == 0
    assert visitor.see(".now").inner_text().count("tokens") == 0
    stage.end(task)


def test_the_lease_of_what_runs_is_watched(visitor: Visitor, stage: Stage) -> None:
    """The row of the attempt says when its worker was heard of, and hears of it again by itself."""
    task = stage.begin("Hold on", [Text(text="Holding.")])
    stage.renew(task)
    visitor.go(f"/sessions/{task.session_id}")
    renewed = visitor.see(".attempt-line.running .lease")
    assert renewed.inner_text().startswith("lease renewed ")
    assert renewed.inner_text().endswith(" s ago")

    at = "document.querySelector('.lease time').dateTime"
    before = visitor.run(at)
    stage.renew(task)
    visitor.until(f"{at} !== '{before}'")
    stage.end(task)
