"""Who may not ask, whom nobody asks about, and what ends bots: no Task, and the reason in words."""

from typing import Any

import pytest

from app.clock import utcnow
from app.db import deliveries, replies, runs
from app.db.runs import Ending
from app.domain.delivery import DeliveryState, Verdict
from app.domain.reply import ReplyKind
from app.domain.task import AttemptState, TaskState
from app.github.delivery import read_delivery
from app.web.webhooks import recorded
from tests.fakes.github import deliveries as payloads
from tests.integration.github.house import Errand


@pytest.mark.parametrize(("role", "said"), [("read", "read"), ("triage", "triage"), (None, "no")])
def test_who_may_not_write_is_refused_quietly(errand: Errand, role: str | None, said: str) -> None:
    """WH-12: no Task, nothing on GitHub, and the reason for whoever looks."""
    errand.hello.roles.pop("mona")
    if role:
        errand.hello.roles["mona"] = role
    row = errand.say("@agent look")

    assert (row.verdict, row.code) == (Verdict.REFUSED, "permission")
    assert row.reason == f"mona has {said} permission; write is needed."
    assert errand.all_tasks() == []
    assert errand.github.asked("POST", "reactions|comments") == []


def test_bots_are_refused_unless_listed(errand: Errand) -> None:
    """WH-13: a listed one passes the same gate; its name in a person's hands is no bot's."""
    bot = payloads.user("helper[bot]", number=9, kind="Bot")
    errand.hello.roles["helper[bot]"] = "write"
    refused = errand.say("@agent look", sender=bot)
    allowed = errand.say("@agent look", sender=bot, github_bots="helper[bot]")
    command = errand.say("@agent stop", sender=bot, github_bots="helper[bot]")

    assert refused.verdict in {Verdict.REFUSED, Verdict.IGNORED}
    assert allowed.verdict is Verdict.TASK
    assert (command.verdict, command.code) == (Verdict.REFUSED, "bot_command")


def test_our_own_words_ask_for_nothing(errand: Errand) -> None:
    """WH-11: whoever we are was asked from GitHub."""
    row = errand.say("@agent look", sender=payloads.user(errand.github.app_login, number=42, kind="Bot"))

    assert row.verdict is Verdict.IGNORED
    assert errand.all_tasks() == []


def test_ten_rounds_of_two_bots_end_with_one_notice(errand: Errand) -> None:
    """Both are listed and may write: the cap ends it, and one notice says so."""
    bots = [payloads.user(f"{name}[bot]", number=number, kind="Bot") for name, number in (("a", 1), ("b", 2))]
    for bot in bots:
        errand.hello.roles[bot["login"]] = "write"
    rows = [
        errand.say(f"@agent round {number}", sender=bots[number % 2], github_bots="a[bot],b[bot]")
        for number in range(20)
    ]

    assert [str(row.verdict) for row in rows] == ["task"] * 3 + ["refused"] * 17
    assert {row.code for row in rows[3:]} == {"cap_thread_bots"}
    notices = [errand.db.read(replies.of_delivery, row.id) for row in rows[3:]]
    assert [notice.kind for notice in notices if notice] == [ReplyKind.PAUSED]

    assert errand.say("@agent a person asks").verdict is Verdict.TASK


@pytest.mark.parametrize("word", ["status", "retry", "stop"])
def test_ten_rounds_with_a_machines_account_end(errand: Errand, word: str) -> None:
    """WH-11: it may write and is no bot by its type; to each comment of ours it answers with a command."""
    rows = [errand.say(f"@agent {word}") for _ in range(10)]
    said = [errand.db.read(replies.of_delivery, row.id) for row in rows]
    kinds = [str(one.kind) for one in said if one]

    if word == "stop":
        assert {row.verdict for row in rows} == {Verdict.COMMAND}
        assert kinds == ["nothing"] * 5
    else:
        assert [row.code for row in rows] == [word] * 5 + ["cap_thread_commands"] * 5
        assert kinds == [*(["help"] if word == "help" else ["nothing"]) * 5, "paused"]
    assert errand.say("@agent a person asks").verdict is Verdict.TASK


def test_a_retry_is_counted_as_a_run(errand: Errand) -> None:
    """WH-11: it makes no comment and costs what a task does."""
    task = errand.task(errand.say("@agent look"))
    codes = []
    for _ in range(6):
        claim = errand.db.write(runs.claim, task.id, machine="m")
        assert claim is not None
        ending = Ending(task_state=TaskState.COMPLETED, attempt_state=AttemptState.SUCCEEDED, result="Done.")
        errand.db.write(runs.finish, task.id, claim.attempt, ending)
        row = errand.say("@agent retry")
        codes.append(row.code)
        if row.verdict is Verdict.REFUSED:
            break

    assert codes == ["retry"] * 4 + ["cap_thread_commands"]
    assert "5 runs within the hour" in row.reason
    notice = errand.reply(row)
    assert notice.kind is ReplyKind.PAUSED
    assert "Commands, except to stop," in (notice.text or "")
    assert errand.say("@agent stop").verdict is Verdict.COMMAND


def test_while_github_is_away_nobody_is_let_in(errand: Errand) -> None:
    """WH-14: it is put off with its reason, for as long as GitHub asks, and done once GitHub answers."""
    errand.github.fail("GET", "permission", status=403, headers={"Retry-After": "600"})
    row = errand.say("@agent look")

    assert (row.state, row.verdict, row.tries) == (DeliveryState.RECEIVED, None, 1)
    assert "403" in row.reason
    assert row.not_before is not None
    assert 590 < (row.not_before - utcnow()).total_seconds() <= 600
    assert errand.all_tasks() == []

    errand.intake().read(row.id)
    assert errand.row(row.id).verdict is None  # not before its time
    errand.db.write(deliveries.take_again, row.id)
    errand.intake().read(row.id)
    assert errand.row(row.id).verdict is Verdict.TASK


@pytest.mark.parametrize("fault", [{"status": 500}, {"drops": True}, {"status": 401}])
def test_no_answer_is_no_permission(errand: Errand, fault: dict[str, Any]) -> None:
    """WH-14: whatever keeps GitHub from answering; after the last try the row says that it failed."""
    errand.github.fail("GET", "permission", times=100, **fault)
    row = errand.say("@agent look")
    for _ in range(19):
        errand.db.write(deliveries.put_off, row.id, utcnow(), None)
    errand.intake().read(row.id)

    failed = errand.row(row.id)
    assert (failed.state, failed.verdict) == (DeliveryState.DONE, Verdict.FAILED)
    assert errand.all_tasks() == []


def test_a_fork_is_refused_by_default(errand: Errand) -> None:
    """WH-15: where the head is elsewhere, and where its fork is gone; allowed it says so in the Reply."""
    from_fork, gone = (payloads.pull(number, body="@agent look") for number in (3, 4))
    from_fork["from_fork"], gone["head"]["repo"] = True, None

    for pull in (from_fork, gone):
        row = errand.deliver("pull_request", payloads.envelope("opened", None, pull_request=pull))
        assert (row.verdict, row.code) == (Verdict.REFUSED, "fork")
    allowed = payloads.envelope("edited", None, pull_request=from_fork, changes={"body": {"from": ""}})
    assert errand.reply(errand.deliver("pull_request", allowed, github_forks=True)).is_fork


def test_without_access_it_says_what_is_missing(errand: Errand) -> None:
    """And waits for it."""
    row = errand.say("@agent look", github_app_id=None)

    assert (row.state, row.verdict) == (DeliveryState.RECEIVED, None)
    assert "GITHUB_APP_ID" in row.reason


def test_every_example_of_githubs_gets_a_verdict(errand: Errand) -> None:
    """Whatever they are about: nobody of them may ask here, and none makes the reader fail."""
    intake = errand.intake(github_assignment=True, github_failed_checks=True)
    verdicts = set()
    for number, (event, payload) in enumerate(payloads.examples()):
        body = payloads.encode(payload)
        delivery = read_delivery(
            delivery_id=f"e-{number}", event=event, content_type="application/json", body=body
        )
        row = recorded(delivery, content_type="application/json")
        errand.db.write(deliveries.record, row, body)
        intake.read(row.id)
        ended = errand.row(row.id)
        assert ended.state is DeliveryState.DONE, ended
        verdicts.add(ended.verdict)

    assert verdicts <= {Verdict.IGNORED, Verdict.REFUSED}
    assert errand.all_tasks() == []
