"""Reads what GitHub's API answers, so that an odd answer is one more GitHubError."""

from collections.abc import Callable
from typing import TypeVar

from pydantic import ValidationError

from app.github import api_errors
from app.github.payload import Lenient

T = TypeVar("T")
One = TypeVar("One", bound=Lenient)


def read(form: type[One], answer: object) -> One:
    """Return `answer` as a `form`; raises GitHubError."""
    try:
        return form.model_validate(answer)
    except ValidationError as error:
        place = ".".join(map(str, error.errors(include_input=False)[0]["loc"]))
        problem = f"GitHub's answer is not what it describes itself: `{place}`."
        raise api_errors.GitHubError(problem) from None


def if_there(ask: Callable[[], list[T]]) -> list[T]:
    """Return what `ask` returns, and nothing where GitHub has no such thing; raises other GitHubErrors."""
    try:
        return ask()
    except api_errors.NotThere:
        return []
