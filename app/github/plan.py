"""The agent's plan, from the tools with which it keeps one."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any

from app.domain.event import Record
from app.domain.model import Model

_TOOLS = frozenset({"TodoWrite", "todo_list", "update_plan"})
_MOST = 30


class StepState(StrEnum):
    """How far a step of the plan is."""

    PENDING = "pending"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"


class Step(Model):
    """One step of the plan."""

    text: str
    state: StepState = StepState.PENDING


def plan_of(events: Iterable[Record]) -> tuple[Step, ...]:
    """Return the newest plan among `events`, in order; empty where the agent keeps none."""
    plan: tuple[Step, ...] = ()
    for event in events:
        if event.get("kind") == "tool_call" and event.get("name") in _TOOLS:
            plan = _steps(event.get("input")) or plan
    return plan


def _steps(given: Any) -> tuple[Step, ...]:
    if not isinstance(given, Mapping):
        return ()
    lists = (given[key] for key in ("todos", "plan", "items") if isinstance(given.get(key), list))
    items: list[Any] = next(lists, [])
    steps = (_step(item) for item in items if isinstance(item, Mapping))
    return tuple(step for step in steps if step)[:_MOST]


def _step(item: Mapping[str, Any]) -> Step | None:
    text = next((item[key] for key in ("content", "step", "text") if isinstance(item.get(key), str)), "")
    state = item.get("status")
    if state is None and item.get("completed") is True:
        state = StepState.COMPLETED
    known = state if state in set(StepState) else StepState.PENDING
    return Step(text=text, state=StepState(known)) if text.strip() else None
