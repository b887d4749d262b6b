"""The Agent model: what an agent.toml may say."""

from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from app.domain.agent import Agent, Problem, is_name


def agent(**given: Any) -> Agent:
    """Make an Agent of these values, as a parsed file gives them."""
    return Agent.model_validate({"name": "any", "cli": "claude", **given})


@pytest.mark.parametrize("name", ["a", "brain", "a-b-c", "x9", "a" + "b" * 40])
def test_a_plain_name_is_a_name(name: str) -> None:
    """Small letters, digits and dashes, a letter first, 41 characters at most."""
    assert is_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "../x",
        "/etc",
        "a/b",
        "a\\b",
        "A",
        "9a",
        "-a",
        "a_b",
        "a.b",
        "a b",
        "brain\n",
        "a\x00",
        "\x00",
        "a" * 42,
        "a" * 300,
        "a\u2215b",
        "a\uff0fb",
        "br\u0430in",
        "..%2fx",
    ],
)
def test_what_could_leave_the_folder_is_no_name(name: str) -> None:
    """Nothing that a path, a shell or a reader may take for something else names an Agent."""
    assert not is_name(name)


def test_only_the_cli_has_to_be_given() -> None:
    """Every other field has a careful default."""
    made = agent()

    assert (made.permission_mode, made.sandbox, made.trust_workspace) == ("dontAsk", "auto", False)
    assert (made.allowed_tools, made.env, made.timeout, made.budget_usd) == ((), (), None, None)


def test_money_stays_exact() -> None:
    """A budget of ten cents is ten cents."""
    assert agent(budget_usd=Decimal("0.1")).budget_usd == Decimal("0.1")
    assert agent(budget_usd=3).budget_usd == Decimal(3)


def test_a_timeout_written_with_a_fraction_is_taken() -> None:
    """TOML floats come as Decimal."""
    assert agent(timeout=Decimal("1.5")).timeout == 1.5


@pytest.mark.parametrize(
    "given",
    [
        {"cli": ""},
        {"cli": "../claude"},
        {"cli": "-rf"},
        {"model": ""},
        {"model": "--dangerously-skip-permissions"},
        {"permission_mode": "yolo"},
        {"allowed_tools": ["--mcp-config"]},
        {"allowed_tools": [""]},
        {"allowed_tools": "Bash"},
        {"max_turns": 0},
        {"max_turns": "5"},
        {"max_turns": True},
        {"budget_usd": 0},
        {"budget_usd": True},
        {"budget_usd": Decimal("NaN")},
        {"budget_usd": Decimal("Infinity")},
        {"timeout": -1},
        {"timeout": "60"},
        {"timeout": True},
        {"timeout": Decimal("inf")},
        {"env": ["A=B"]},
        {"env": ["1A"]},
        {"sandbox": "on"},
        {"trust_workspace": "no"},
        {"trust_workspace": 1},
        {"args": ["a\0b"]},
        {"args": ["--model", "{model}"]},
        {"args": ["{max_turns}"], "model": "m"},
        {"temperature": 1},
    ],
    ids=str,
)
def test_a_slip_is_refused(given: dict[str, object]) -> None:
    """What was not meant so is an error, never a guess."""
    with pytest.raises(ValidationError):
        agent(**given)


@pytest.mark.parametrize(
    "name", ["DATABASE_URL", "REDIS_URL", "SECRET_KEY", "ERRAND_ADMIN_TOKEN", "GITHUB_TOKEN", "HOME"]
)
def test_our_own_secrets_are_never_passed_through(name: str) -> None:
    """No agent.toml can hand Errand's keys, or another HOME, to a CLI."""
    with pytest.raises(ValidationError, match="never given to a CLI"):
        agent(env=["ANTHROPIC_API_KEY", name])


def test_an_agent_cannot_be_changed() -> None:
    """Models are values."""
    with pytest.raises(ValidationError):
        agent().cli = "sh"  # type: ignore[misc]  # that it is refused is the test


def test_a_problem_says_where() -> None:
    """File and line come first, as editors understand them."""
    problem = Problem(agent="x", file="agents/x/agent.toml", line=3, message="'timeout': must be a number")

    assert str(problem) == "agents/x/agent.toml, line 3: 'timeout': must be a number"
