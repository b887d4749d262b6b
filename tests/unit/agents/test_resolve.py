"""Which Agent a Task gets for a name, without any folder."""

import pytest

from app.agents import resolve
from app.domain.agent import Agent, Problem
from app.errors import Invalid

BRAIN = Agent(name="brain", cli="claude")
REVIEWER = Agent(name="reviewer", cli="claude")
BROKEN = Problem(
    agent="broken", file="agents/broken/agent.toml", line=7, message="'timeout': must be a number"
)


def test_the_agent_asked_for_comes_without_a_word() -> None:
    """No notice where there is nothing to notice."""
    resolved = resolve({"brain": BRAIN, "reviewer": REVIEWER}, "reviewer")

    assert (resolved.agent, resolved.notice) == (REVIEWER, None)


def test_no_name_at_all_means_brain() -> None:
    """That is the default, not a fallback."""
    resolved = resolve({"brain": BRAIN}, None)

    assert (resolved.agent, resolved.notice) == (BRAIN, None)


def test_brain_steps_in_for_an_unknown_agent_and_says_so() -> None:
    """The notice names who was asked for, who came, and who there is."""
    resolved = resolve({"brain": BRAIN, "reviewer": REVIEWER}, "reviwer")

    assert resolved.agent == BRAIN
    assert resolved.notice is not None
    assert resolved.notice.code == "agent_fallback"
    assert resolved.notice.text == (
        "There is no agent 'reviwer', so 'brain' took the task. Agents here: brain, reviewer."
    )


def test_an_invalid_agent_is_refused_with_file_and_line() -> None:
    """Brain does not step in for an agent that somebody meant to be there."""
    with pytest.raises(Invalid) as refused:
        resolve({"brain": BRAIN, "broken": BROKEN}, "broken")

    assert refused.value.code == "agent_invalid"
    assert "agents/broken/agent.toml, line 7: 'timeout': must be a number" in refused.value.message


@pytest.mark.parametrize(
    "name", ["../x", "/etc/passwd", "", "\0", ".", "..", "a/b", "a\u2215b", "a" * 300, "X"]
)
def test_what_cannot_be_a_name_is_refused(name: str) -> None:
    """It is neither looked up nor quoted at length."""
    with pytest.raises(Invalid) as refused:
        resolve({"brain": BRAIN, name: REVIEWER}, name)

    assert refused.value.code == "agent_name"
    assert len(refused.value.message) < 250
    assert "\0" not in refused.value.message


@pytest.mark.parametrize("name", [None, "brain", "unknown"])
def test_without_a_usable_brain_it_says_so(name: str | None) -> None:
    """Whoever asked learns that the stand-in is what is to be mended."""
    gone = Problem(agent="brain", file="agents/brain/agent.toml", message="is missing")
    with pytest.raises(Invalid) as refused:
        resolve({"brain": gone, "reviewer": REVIEWER}, name)

    assert refused.value.code == "agent_invalid"
    assert "agents/brain/agent.toml: is missing" in refused.value.message


def test_without_any_brain_it_says_so_too() -> None:
    """The same for a collection that holds no entry for it."""
    with pytest.raises(Invalid, match=r"agents/brain/agent\.toml: is missing, and so is the agent 'x'"):
        resolve({}, "x")
