"""What agents print and people paste is data: it is shown, and does nothing."""

from pydantic import JsonValue

from app.db.runs import Ending
from app.domain.event import Event, Notice, Result, Status, Stderr, Text, Thinking, ToolCall, ToolResult
from app.domain.reason import Reason
from app.domain.task import AttemptState, TaskState

from .stage import Stage
from .visitor import Visitor

_PAYLOADS = (
    "<script>window.hacked = 1; alert(1)</script>",
    "<img src=https://evil.example/x.png onerror='window.hacked = 1'>",
    "<svg onload='window.hacked = 1'></svg><iframe srcdoc='<script>parent.hacked = 1</script>'></iframe>",
    "</textarea></pre></style><style>*{display:none}</style>",
    "<a href='javascript:window.hacked = 1' style='position:fixed;inset:0'>click</a>",
    "\x1b]8;;javascript:alert(1)\x07link\x1b]8;;\x07\x1b]52;c;aGFja2Vk\x07",
)
_MARKDOWN = """
[bad](javascript:window.hacked=1) [data](data:text/html,<script>1</script>) ![beacon](https://evil.example/beacon.png)
[away](https://example.org/) <https://example.net/> [inside](/logout) [![x](https://evil.example/y.png)](https://evil.example/)

| a | b |
|--|--|
| <img src=x onerror=alert(1)> | ok |

<div style="position:fixed">raw</div>
"""


def _hostile(text: str, number: int) -> list[Event]:
    edit: dict[str, JsonValue] = {"file_path": text, "old_string": text, "new_string": text * 2}
    todos: dict[str, JsonValue] = {"todos": [{"content": text, "status": text}, text]}
    return [
        Text(text=text),
        Thinking(text=text),
        ToolCall(id=f"{number}", name=text[:60], input={"command": text, text: [text]}),
        ToolResult(id=f"{number}", ok=False, text=text),
        ToolCall(id=f"e{number}", name="Edit", input=edit),
        ToolResult(id=f"e{number}", ok=False, text=text),
        ToolCall(id=f"t{number}", name="TodoWrite", input=todos),
        Notice(code=text, text=text),
        Status(state=text, detail=text),
        Stderr(text=text),
    ]


def test_hostile_text_is_shown_as_text(visitor: Visitor, stage: Stage) -> None:
    """In every place where foreign text appears: no dialog, no request, no element, no script of it."""
    everything = "\n".join(_PAYLOADS)
    script = [event for number, text in enumerate(_PAYLOADS) for event in _hostile(text, number)]
    ending = Ending(
        task_state=TaskState.FAILED,
        attempt_state=AttemptState.FAILED,
        reason=Reason.CLI_ERROR,
        detail=everything,
    )
    script += [Text(text=_MARKDOWN), Result(ok=False, text=everything)]
    task = stage.play(everything, script, ending=ending, agent=_PAYLOADS[1])
    visitor.go(f"/sessions/{task.session_id}")
    visitor.see(".end.failed")
    visitor.until("[...document.querySelectorAll('.section')].every((section) => section.firstChild)")
    visitor.run("document.querySelectorAll('button.row[aria-expanded=false]').forEach((row) => row.click())")
    visitor.until("document.querySelectorAll('.todos, .diff, .thinking .prose').length >= 3")

    assert (
        visitor.run("document.querySelectorAll('body :is(img, script, iframe, style, [onload])').length") == 0
    )
    assert visitor.run("window.hacked") is None
    assert "<script>window.hacked = 1; alert(1)</script>" in visitor.see(".transcript").inner_text()
    assert visitor.run("[...document.querySelectorAll('[style]')].every((e) => e.style.position !== 'fixed')")
    visitor.page.keyboard.press("Control+k")
    visitor.see("#found li")


def test_links_lead_out_only_when_clicked(visitor: Visitor, stage: Stage) -> None:
    """http(s) links open elsewhere without telling where from; everything else is no link at all."""
    task = stage.play("Links", [Text(text=_MARKDOWN)])
    visitor.go(f"/sessions/{task.session_id}")
    visitor.see(".prose a[href]")

    each = "(a) => [a.getAttribute('href'), a.target, a.rel]"
    links = visitor.run(f"[...document.querySelectorAll('.prose a[href]')].map({each})")
    hosts = {"https://example.org/", "https://example.net/", "https://evil.example/beacon.png"}
    assert hosts <= {href for href, _, _ in links}
    assert all(href.startswith("https://") for href, _, _ in links)
    assert all(target == "_blank" and "noopener" in rel for _, target, rel in links)
    assert visitor.run("document.querySelectorAll('.prose td, .prose .block').length") > 3
