"""Who may ask, decided from facts; what is not known is refused."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.delivery import ObjectKey, digest
from app.domain.gate import (
    Allowed,
    Caps,
    Counts,
    Facts,
    Permission,
    Policy,
    Refused,
    decide,
    within_caps,
)
from app.domain.trigger import Account, Command, Thread, Trigger, TriggerKind


def _trigger(*, login: str = "mona", kind: str = "User", on_pull: bool = False) -> Trigger:
    return Trigger(
        kind=TriggerKind.MENTION,
        author=Account(id=7, login=login, type=kind),
        thread=Thread(repository_id=1, repository="Octo/Hello", number=1, is_pull_request=on_pull),
        at=datetime(2026, 11, 20, tzinfo=UTC),
        key=ObjectKey(repository_id=1, kind="comment", object_id=1, digest=digest("x")),
    )


GOOD = Facts(permission=Permission.WRITE, is_fork=False)


def _code(trigger: Trigger, policy: Policy | None = None, **facts: Any) -> str:
    found = decide(trigger, GOOD.model_copy(update=facts), policy or Policy())
    return found.code if isinstance(found, Refused) else "allowed"


@pytest.mark.parametrize("permission", Permission)
@pytest.mark.parametrize("least", Permission)
def test_wh_12_the_permission_decides(permission: Permission, least: Permission) -> None:
    """WH-12: who has less than is needed is refused, in words; who has as much is not."""
    found = decide(_trigger(), Facts(permission=permission, is_fork=False), Policy(least=least))

    assert isinstance(found, Allowed) == (permission >= least)
    if isinstance(found, Refused):
        assert found.code == "permission"
        assert "mona has" in found.reason
        assert not found.again


def test_wh_14_a_permission_that_could_not_be_asked_is_none() -> None:
    """WH-14: refused for now, and to be asked again."""
    found = decide(_trigger(), Facts(is_fork=False), Policy())

    assert isinstance(found, Refused)
    assert (found.code, found.again) == ("permission_unknown", True)


def test_wh_15_forks_are_refused_unless_they_are_let_in() -> None:
    """WH-15: and so is a pull request of which it is not known."""
    pull = _trigger(on_pull=True)

    assert _code(pull) == "allowed"
    assert _code(pull, is_fork=True) == "fork"
    assert _code(pull, is_fork=None) == "fork_unknown"
    assert _code(pull, Policy(forks=True), is_fork=True) == "allowed"
    assert _code(_trigger(), is_fork=None) == "allowed"


def test_wh_13_a_listed_bot_passes_the_same_gate() -> None:
    """WH-13: being listed is no permission, and a person named like a listed bot is a person."""
    bot = _trigger(login="ci[bot]", kind="Bot")
    policy = Policy(bots=frozenset({"ci[bot]"}))

    assert _code(bot) == "bot"
    assert _code(bot, policy) == "allowed"
    assert _code(bot, policy, permission=Permission.READ) == "permission"
    assert _code(_trigger(login="ci"), policy, permission=Permission.NONE) == "permission"


@pytest.mark.parametrize(
    ("listed", "code"),
    [
        (set(), "allowed"),
        ({"octo/hello"}, "allowed"),
        ({"octo/*"}, "allowed"),
        ({"octo/other", "other/*"}, "repository_not_listed"),
        ({"*"}, "repository_not_listed"),
    ],
)
def test_repositories_can_be_listed(listed: set[str], code: str) -> None:
    """By name or by owner; case does not count on GitHub."""
    assert _code(_trigger(), Policy(repositories=frozenset(listed))) == code


def test_what_cannot_be_answered_is_refused() -> None:
    """An archived repository takes no comment, and a locked conversation none of a stranger."""
    assert _code(_trigger(), is_archived=True) == "archived"
    assert (
        _code(_trigger(), Policy(least=Permission.READ), is_locked=True, permission=Permission.READ)
        == "locked"
    )
    assert _code(_trigger(), is_locked=True) == "allowed"


@pytest.mark.parametrize("name", Caps.model_fields)
def test_each_cap_holds_by_itself(name: str) -> None:
    """One Task below it is allowed, at it none; the cap on bots does not count for people."""
    most = getattr(Caps(), name)
    below, reached = (Counts(**{name: count}) for count in (most - 1, most))

    assert within_caps(below, Caps(), is_bot=True) is None
    refused = within_caps(reached, Caps(), is_bot=True)
    assert refused is not None
    assert refused.code == f"cap_{name}"
    assert str(most) in refused.reason
    assert (within_caps(reached, Caps(), is_bot=False) is None) == (name == "thread_bots")


def test_a_paused_thread_is_told_once() -> None:
    """The notice is for the thread that is paused, and the next refusals are quiet."""
    first = within_caps(Counts(thread_hour=5), Caps(), is_bot=False)
    second = within_caps(Counts(thread_hour=5, notice_sent=True), Caps(), is_bot=False)
    elsewhere = within_caps(Counts(repository_hour=30), Caps(), is_bot=False)

    assert [refused.notice if refused else None for refused in (first, second, elsewhere)] == [
        True,
        False,
        False,
    ]


def test_commands_have_an_end_too() -> None:
    """By what was said to them within the hour, to retry by what ran as well; a stop is always heard."""

    def codes(**counts: Any) -> list[str]:
        return [
            _code(_trigger().model_copy(update={"command": command}), counts=Counts(**counts))
            for command in (Command.STOP, Command.RETRY, Command.STATUS, Command.HELP)
        ]

    assert codes(answers_hour=4, runs_hour=4, thread_hour=99, user_hour=99) == ["allowed"] * 4
    assert codes(answers_hour=5) == ["allowed", *["cap_thread_commands"] * 3]
    assert codes(runs_hour=5) == ["allowed", "cap_thread_commands", "allowed", "allowed"]
    assert _code(_trigger(), counts=Counts(answers_hour=5, runs_hour=5)) == "allowed"


@given(st.integers(1, 40))
def test_two_bots_come_to_an_end(rounds: int) -> None:
    """However often two listed bots answer each other, the cap ends it, with one notice."""
    policy = Policy(bots=frozenset({"ci[bot]"}))
    bot, counts, tasks, notices = _trigger(login="ci[bot]", kind="Bot"), Counts(), 0, 0
    for _ in range(rounds):
        found = decide(bot, GOOD.model_copy(update={"counts": counts}), policy)
        if isinstance(found, Refused):
            notices += found.notice
            counts = counts.model_copy(update={"notice_sent": True})
        else:
            tasks += 1
            counts = counts.model_copy(update={"thread_bots": tasks, "thread_hour": tasks})

    assert tasks == min(rounds, Caps().thread_bots)
    assert notices == (rounds > Caps().thread_bots)
