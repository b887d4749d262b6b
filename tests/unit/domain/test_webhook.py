"""WebhookConfig: names, secrets and templates."""

from typing import Any

import pytest
from pydantic import ValidationError

from app.domain.webhook import WebhookConfig

SECRET = "sixteen-letters!"


def webhook(**given: Any) -> WebhookConfig:
    """Make a webhook that is right but for what is given."""
    return WebhookConfig.model_validate(
        {"name": "deploys", "secret": SECRET, "template": "Look at this.", **given}
    )


def test_it_asks_brain_and_is_on_by_default() -> None:
    """A name, a secret and a template are enough."""
    made = webhook()

    assert (made.agent, made.enabled, made.secret.get_secret_value()) == ("brain", True, SECRET)


@pytest.mark.parametrize(
    "given",
    [
        {"name": name}
        for name in ("", "A", "9", "-a", "a_b", "a/b", "../a", "a.b", "a\0", "a\n", "a" * 42, "a\u2215b")
    ]
    + [
        {"secret": "fifteen-letters"},
        {"secret": ""},
        {"agent": "../brain"},
        {"agent": ""},
        {"template": " \n"},
    ]
    + [{"template": "x" * 65_537}, {"url": "http://localhost"}],
    ids=lambda given: repr(given)[:40],
)
def test_a_mistake_is_refused(given: dict[str, object]) -> None:
    """Names that could be no part of an address, short secrets, empty templates, unknown fields."""
    with pytest.raises(ValidationError):
        webhook(**given)


def test_the_secret_does_not_show() -> None:
    """Neither in repr nor in an error."""
    with pytest.raises(ValidationError) as refused:
        webhook(secret="fifteen-letters", name=SECRET)

    assert SECRET not in repr(webhook())
    assert SECRET not in str(refused.value)
    assert "fifteen-letters" not in str(refused.value)
