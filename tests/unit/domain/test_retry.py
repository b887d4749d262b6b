"""What is tried again, and when."""

import pytest

from app.domain.reason import SENTENCES, TRANSIENT, Reason, sentence
from app.domain.retry import BACKOFF, LONGEST_PAUSE, pause_before_retry


@pytest.mark.parametrize("reason", sorted(set(Reason) - TRANSIENT))
def test_a_permanent_failure_is_not_tried_again(reason: Reason) -> None:
    """Nothing that would only fail again is repeated."""
    assert pause_before_retry(reason, failures=1, max_attempts=3) is None


def test_a_transient_failure_waits_longer_each_time() -> None:
    """The pause grows and the last attempt is the last."""
    pauses = [pause_before_retry(Reason.OVERLOADED, failures=n, max_attempts=9) for n in range(1, 9)]
    assert pauses == [*BACKOFF, BACKOFF[-1], BACKOFF[-1], BACKOFF[-1]]
    assert pause_before_retry(Reason.OVERLOADED, failures=3, max_attempts=3) is None


def test_the_provider_may_ask_for_a_longer_pause_but_not_for_ever() -> None:
    """Retry-After is respected within reason."""
    assert pause_before_retry(Reason.RATE_LIMITED, failures=1, max_attempts=3, retry_after=77) == 77
    assert pause_before_retry(Reason.RATE_LIMITED, failures=1, max_attempts=3, retry_after=1) == BACKOFF[0]
    assert (
        pause_before_retry(Reason.RATE_LIMITED, failures=1, max_attempts=3, retry_after=1e9) == LONGEST_PAUSE
    )


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_a_sentence_on_one_line(reason: Reason) -> None:
    """A code never stands alone, whatever the detail holds."""
    text = sentence(reason, cli="claude", detail="two\nlines")
    assert text.endswith(".")
    assert "\n" not in text
    assert "{" not in text
    assert SENTENCES.keys() == set(Reason)


def test_a_detail_that_is_a_sentence_ends_once() -> None:
    """GitHub's and git's own words come with a full stop, or without."""
    said = sentence(Reason.GITHUB_AWAY, detail="It is away.")

    assert said == sentence(Reason.GITHUB_AWAY, detail="It is away")
    assert "away. Errand" in said
