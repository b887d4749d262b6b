"""The prompt box: what was typed stays until it was sent, and one request makes one task."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Route

from app.domain.event import Text

from .stage import Stage
from .visitor import Visitor

_CHAT = "**/api/chat"
_PATH = "location.pathname"


@pytest.fixture
def held(visitor: Visitor) -> Callable[[], None]:
    """The next POST /api/chat is held back; calling this waits for it and lets it go on."""
    waiting: list[Route] = []

    def hold(route: Route) -> None:
        waiting.append(route)

    visitor.page.route(_CHAT, hold, times=1)

    def let_go() -> None:
        # Routes come in while the page is asked for something.
        visitor.until("document.querySelector('.send').innerText === 'Sending'")
        waiting.pop().continue_()

    return let_go


def _in_box(visitor: Visitor) -> str:
    return visitor.page.input_value("#prompt")


def test_what_is_typed_on_goes_along_to_the_conversation(visitor: Visitor, held: Callable[[], None]) -> None:
    """Only what was sent leaves the box, and what came behind it waits where one is led."""
    visitor.go("/")
    visitor.see("#prompt").type("Count to 3")
    visitor.page.keyboard.press("Enter")
    visitor.page.keyboard.type(" and more")
    held()
    visitor.until(f"{_PATH}.startsWith('/sessions/')")
    assert visitor.see(".message-text").inner_text() == "Count to 3"
    assert _in_box(visitor) == "and more"

    visitor.page.reload()
    visitor.see(".end .state-completed")
    assert _in_box(visitor) == "and more"
    visitor.page.click(".new-task")
    visitor.see(".example")
    assert _in_box(visitor) == ""


def test_a_follow_up_written_while_one_is_sent_stays(
    visitor: Visitor, stage: Stage, held: Callable[[], None]
) -> None:
    """Another text in the box is nobody's to clear."""
    task = stage.play("Begin", [Text(text="Begun.")])
    visitor.go(f"/sessions/{task.session_id}")
    visitor.see("text=Begun.")
    visitor.page.fill("#prompt", "Count to 3")
    visitor.page.press("#prompt", "Enter")
    visitor.page.fill("#prompt", "something else")
    held()
    visitor.see(".task:nth-child(2) .end .state-completed")
    assert _in_box(visitor) == "something else"

    visitor.page.reload()
    visitor.see("#prompt")
    assert _in_box(visitor) == "something else"


def test_an_example_leaves_the_half_typed_prompt_alone(visitor: Visitor) -> None:
    """It is still there when one comes back; the conversation of the example has an empty box."""
    visitor.go("/")
    visitor.see("#prompt").fill("half a thought")
    visitor.see(".example").click()
    visitor.until(f"{_PATH}.startsWith('/sessions/')")
    assert visitor.see(".message-agent").inner_text() == "demo"
    assert _in_box(visitor) == ""

    visitor.page.click(".new-task")
    visitor.see(".example")
    assert _in_box(visitor) == "half a thought"


def test_after_a_lost_answer_the_same_is_the_same_and_another_agent_is_not(visitor: Visitor) -> None:
    """The same message to the same agent is the task there is; to another agent it is a task of its own."""
    made: list[str] = []

    def lose(route: Route) -> None:
        made.append(route.fetch().json()["task_id"])
        route.abort()

    visitor.page.route(_CHAT, lose, times=2)
    visitor.go("/")
    visitor.see(".example")
    visitor.page.fill("#prompt", "Count to 3")
    for _ in range(2):
        visitor.page.click(".send")
        visitor.see(".composer-problem")
        visitor.until("document.querySelector('.send').innerText === 'Send'")
    assert len(set(made)) == 1

    visitor.page.select_option(".agent-choice select", "planning")
    visitor.page.click(".send")
    visitor.until(f"{_PATH}.startsWith('/sessions/')")
    assert visitor.see(".message-agent").inner_text() == "planning"
    # The browser's own console lines for what was lost are no wrong of the page.
    visitor.wrongs = [wrong for wrong in visitor.wrongs if "ERR_FAILED" not in wrong]
