"""How a task ended: in a sentence, with what was kept and the next step."""

import pytest

from app.db.runs import Ending
from app.domain.event import Result, Text
from app.domain.reason import Reason, sentence
from app.domain.task import AttemptState, TaskState

from .stage import Stage
from .visitor import Visitor


def _failed(reason: Reason, **given: str) -> Ending:
    detail = sentence(reason, **given)
    return Ending(
        task_state=TaskState.FAILED, attempt_state=AttemptState.FAILED, reason=reason, detail=detail
    )


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


@pytest.mark.parametrize(
    ("reason", "command"),
    [
        (Reason.CLI_MISSING, "npm install -g @anthropic-ai/claude-code@latest"),
        (Reason.CLI_VERSION, "npm install -g @anthropic-ai/claude-code@latest"),
        (Reason.CLI_AUTH, "export ANTHROPIC_API_KEY=..."),
    ],
)
def test_what_has_to_be_mended_first_has_its_command(
    visitor: Visitor, stage: Stage, reason: Reason, command: str
) -> None:
    """Ready to be copied; trying again is second then."""
    task = stage.play("Mend", [], ending=_failed(reason, cli="claude"), agent="brain", cli="claude")
    visitor.go(f"/tasks/{task.id}")
    card = visitor.see(".end.failed")

    assert visitor.see(".end .mend code").inner_text() == command
    assert card.get_by_role("button", name="Copy command").is_visible()
    assert "primary" not in str(card.get_by_role("button", name="Retry").get_attribute("class"))


@pytest.mark.parametrize(
    ("reason", "limit"),
    [
        (Reason.MAX_TURNS, "max_turns in agents/brain/agent.toml."),
        (Reason.BUDGET, "budget_usd in agents/brain/agent.toml."),
        (Reason.TIMEOUT, "timeout in agents/brain/agent.toml, else ERRAND_TASK_TIMEOUT."),
        (Reason.IDLE_TIMEOUT, "idle_timeout in agents/brain/agent.toml, else ERRAND_IDLE_TIMEOUT."),
        (Reason.OUTPUT_LIMIT, "ERRAND_OUTPUT_LIMIT."),
    ],
)
def test_a_limit_that_was_reached_is_named(
    visitor: Visitor, stage: Stage, reason: Reason, limit: str
) -> None:
    """Which setting it is and where it stands."""
    task = stage.play("Limit", [], ending=_failed(reason), agent="brain")
    visitor.go(f"/tasks/{task.id}")
    card = visitor.see(".end.failed")

    assert visitor.see(".end .mending").inner_text() == f"The limit is {limit}"
    assert "primary" in str(card.get_by_role("button", name="Retry").get_attribute("class"))


def test_an_answer_that_was_cut_short_is_there_and_wants_a_look(visitor: Visitor, stage: Stage) -> None:
    """The answer stands above the card; the card says what was going on, and the answer can be copied."""
    why = sentence(Reason.CUT_SHORT, cli="claude", detail="its time was up")
    ending = Ending(
        task_state=TaskState.COMPLETED,
        attempt_state=AttemptState.SUCCEEDED,
        attention=Reason.CUT_SHORT,
        detail=why,
        result="Forty-two.",
    )
    task = stage.play("Cut", [Text(text="Forty-two."), Result(ok=True, text="Forty-two.")], ending=ending)
    visitor.go(f"/tasks/{task.id}")
    visitor.see("text=Forty-two.")
    card = visitor.see(".end.attention")

    assert visitor.page.locator("text=Forty-two.").count() == 1
    assert why in card.inner_text()
    assert "Look at it" in card.inner_text()
    assert card.get_by_role("button", name="Copy answer").is_visible()
    visitor.see(".needs-you .entry[title=Cut]")
