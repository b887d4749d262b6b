"""The transition table and what it does to a Task's times."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.task import TRANSITIONS, IllegalTransition, SessionId, Task, TaskId, TaskState, Tokens

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def a_task(state: TaskState = TaskState.QUEUED) -> Task:
    """Return a Task in `state`."""
    return Task(
        id=TaskId("t"),
        session_id=SessionId("s"),
        position=1,
        agent="brain",
        cli="claude",
        message="hello",
        state=state,
        created_at=NOW,
    )


@pytest.mark.parametrize("state", TaskState)
@pytest.mark.parametrize("target", TaskState)
def test_only_the_tables_transitions_are_possible(state: TaskState, target: TaskState) -> None:
    """Every pair of states either moves the Task or raises."""
    if target in TRANSITIONS[state]:
        assert a_task(state).to(target, at=NOW).state is target
    else:
        with pytest.raises(IllegalTransition, match=f"{state} cannot become {target}"):
            a_task(state).to(target, at=NOW)


def test_times_are_kept_by_the_transitions() -> None:
    """The first start stays, the end is set, the duration is between them."""
    running = a_task().to(TaskState.RUNNING, at=NOW + timedelta(seconds=2))
    again = running.to(TaskState.QUEUED, at=NOW).to(TaskState.RUNNING, at=NOW + timedelta(seconds=9))
    done = again.to(TaskState.COMPLETED, at=NOW + timedelta(seconds=12))

    assert running.duration_s(NOW + timedelta(seconds=5)) == 3
    assert done.started_at == NOW + timedelta(seconds=2)
    assert done.duration_s(NOW + timedelta(days=1)) == 10
    assert a_task().duration_s(NOW) is None


@given(st.lists(st.tuples(st.sampled_from(list(TaskState)), st.integers(-10_000, 10_000)), max_size=12))
def test_no_walk_through_the_table_makes_time_run_backwards(steps: list[tuple[TaskState, int]]) -> None:
    """Whatever the clocks of the hosts say, a duration is never negative and only a final Task has an end."""
    task = a_task()
    for state, seconds in steps:
        if state in TRANSITIONS[task.state]:
            task = task.to(state, at=NOW + timedelta(seconds=seconds))
        assert (task.duration_s(NOW) or 0) >= 0
        assert (task.finished_at is not None) <= task.state.final


def test_a_task_is_immutable_and_knows_no_other_fields() -> None:
    """A stray assignment or a misspelt field is an error."""
    with pytest.raises(ValueError, match="frozen"):
        a_task().state = TaskState.RUNNING  # type: ignore[misc]
    with pytest.raises(ValueError, match="extra"):
        Task.model_validate({**a_task().model_dump(), "stat": "queued"})


def test_tokens_add_up() -> None:
    """Each kind of token is summed by itself."""
    assert Tokens(input=1, output=2) + Tokens(input=3, cache_read=4) == Tokens(
        input=4, output=2, cache_read=4
    )
