"""Reads what GitHub's API answers, so that an odd answer is one more GitHubError."""

from typing import TypeVar

from pydantic import ValidationError

from app.github import api_errors
from app.github.payload import Lenient

One = TypeVar("One", bound=Lenient)


def read(form: type[One], answer: object) -> One:
    """Return `answer` as a `form`; raises GitHubError."""
    try:
        return form.model_validate(answer)
    except ValidationError as error:
        place = ".".join(map(str, error.errors(include_input=False)[0]["loc"]))
        problem = f"GitHub's answer is not what it describes itself: `{place}`."
        raise api_errors.GitHubError(problem) from None
