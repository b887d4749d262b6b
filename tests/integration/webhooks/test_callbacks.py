"""Callbacks: sent once their Task has ended, signed, again until they arrive, and to nowhere private."""

import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import select, update

from app.clock import utcnow
from app.db import callbacks as rows
from app.db import tasks, webhooks
from app.db.engine import Database
from app.db.webhook_rows import callbacks as table
from app.domain.webhook import CALLBACK_PAUSES, Callback, CallbackState, WebhookSettings
from app.errors import Conflict
from app.runner.purge import purge_traces
from app.security.crypto import Vault
from app.webhooks.callbacks import LONGEST_RESULT, Callbacks
from app.webhooks.errors import NotDelivered
from app.webhooks.hooks import Hooks
from app.webhooks.post import post
from app.webhooks.signing import signature
from tests.fakes.receiver import Receiver
from tests.integration.webhooks.conftest import KEY, Life
from tests.waiting import wait_until


def stands(db: Database) -> Callback:
    """Return the one Callback."""
    return webhooks.callback_of(db.read(lambda c: c.execute(select(table)).one()))


def come_due(db: Database) -> None:
    """Let the pause before the next try be over."""
    earlier = utcnow() - timedelta(seconds=1)
    db.write(lambda c: c.execute(update(table).values(next_at=earlier)))


def test_the_end_is_told_signed(
    db: Database, callbacks: Callbacks, receiver: Receiver, secret: str, life: Life
) -> None:
    """Not before it; once; with what the Task became, a link, a time and a signature over both."""
    task = life.delivered()
    assert callbacks.send_due() == 0
    life.end(task)

    assert (callbacks.send_due(), callbacks.send_due()) == (1, 0)

    [told] = receiver.received
    assert told.path == "/told?by=errand"
    sent_at = told.headers["X-Errand-Timestamp"]
    assert told.headers["X-Errand-Signature"] == signature(secret, f"{sent_at}.".encode() + told.body)
    assert abs(int(sent_at) - time.time()) < 60
    assert told.json["task"]["state"] == "completed"
    assert told.json["task"]["result"] == "It was the log."
    assert (told.json["task"]["id"], told.json["webhook"]) == (task.id, "alerts")
    assert told.json["url"] == f"https://errand.example/tasks/{task.id}"
    assert told.json["id"] == told.headers["X-Errand-Delivery"]
    assert "message" not in told.json["task"]
    assert stands(db).state is CallbackState.SENT
    life.delivered()
    known, listed = db.read(webhooks.deliveries, "alerts", limit=5)
    assert (known.verdict, known.callback) == ("known", None)
    assert listed.callback == stands(db)


def test_a_cancelled_one_is_told_too(
    db: Database, callbacks: Callbacks, receiver: Receiver, life: Life
) -> None:
    """However it ended."""
    db.write(tasks.cancel, life.delivered().id)

    callbacks.send_due()

    assert receiver.received[0].json["task"]["state"] == "cancelled"


def test_the_result_is_redacted_and_cut(callbacks: Callbacks, receiver: Receiver, life: Life) -> None:
    """A secret is taken out before, so that none is cut in half."""
    planted = "x" * (LONGEST_RESULT - 8) + "a-planted-secret" + "y" * 10_000
    life.end(life.delivered(), planted)

    callbacks.send_due()

    told = receiver.received[0].json["task"]["result"]
    assert len(told) == LONGEST_RESULT
    assert told.endswith("x***yyyyy")


def test_it_is_sent_again_under_the_same_id_until_it_arrives(
    db: Database, callbacks: Callbacks, receiver: Receiver, life: Life
) -> None:
    """With pauses that grow; the row says why, and nothing when it is there."""
    receiver.answer = lambda n: (500, {}) if n < 3 else (200, {})
    life.end(life.delivered())
    for tries in (1, 2):
        before = utcnow()
        callbacks.send_due()
        waits = stands(db)
        assert (waits.state, waits.tries, waits.detail) == ("open", tries, "The receiver answered 500.")
        assert waits.next_at is not None
        assert waits.next_at >= before + timedelta(seconds=CALLBACK_PAUSES[tries - 1])
        assert callbacks.send_due() == 0
        come_due(db)

    callbacks.send_due()

    assert (stands(db).state, stands(db).tries, stands(db).detail) == ("sent", 3, "")
    assert len({told.headers["X-Errand-Delivery"] for told in receiver.received}) == 1
    assert len(receiver.received) == 3


def test_after_hours_it_is_given_up(
    db: Database, callbacks: Callbacks, receiver: Receiver, life: Life
) -> None:
    """One try more than there are pauses."""
    receiver.answer = lambda _: (404, {})
    life.end(life.delivered())
    for _ in range(len(CALLBACK_PAUSES) + 1):
        assert stands(db).state is CallbackState.OPEN
        callbacks.send_due()
        come_due(db)

    assert (stands(db).state, stands(db).tries) == ("failed", 8)
    assert callbacks.send_due() == 0
    assert sum(CALLBACK_PAUSES) > 6 * 3600


@pytest.mark.parametrize(
    "answer",
    [
        (302, {"Location": "http://127.0.0.1:1/"}),
        (307, {"Location": "/other"}),
        (429, {"Retry-After": "1800"}),
    ],
)
def test_what_a_receiver_says(
    db: Database, callbacks: Callbacks, receiver: Receiver, life: Life, answer: Any
) -> None:
    """Nobody is led elsewhere; who asks for time gets it."""
    receiver.answer = lambda _: answer
    life.end(life.delivered())

    callbacks.send_due()

    waits = stands(db)
    assert f"answered {answer[0]}." in waits.detail
    assert ("Redirects are not followed." in waits.detail) == ("Location" in answer[1])
    assert waits.next_at is not None
    assert (waits.next_at > utcnow() + timedelta(minutes=20)) == ("Retry-After" in answer[1])
    assert len(receiver.received) == 1


def test_who_is_gone_is_asked_no_more(
    db: Database, callbacks: Callbacks, receiver: Receiver, life: Life
) -> None:
    """410 is the end of it."""
    receiver.answer = lambda _: (410, {})
    life.end(life.delivered())

    callbacks.send_due()

    assert stands(db).state is CallbackState.FAILED


def test_killed_between_sending_and_marking_it_is_sent_again(
    db: Database, callbacks: Callbacks, receiver: Receiver, life: Life
) -> None:
    """At least once: the receiver knows the second by its id."""
    life.end(life.delivered())
    started: list[subprocess.Popen[bytes]] = []

    def kill(number: int) -> tuple[int, dict[str, str]]:
        if number == 1:
            wait_until(lambda: started)
            started[0].kill()
            started[0].wait(10)
        return 200, {}

    receiver.answer = kill
    argv = [sys.executable, "-m", "tests.integration.webhooks.sender", db.url, KEY, receiver.host]
    with subprocess.Popen(argv) as sender:
        started.append(sender)
        assert sender.wait(60) == -9

    left = stands(db)
    assert (left.state, left.tries) == (CallbackState.OPEN, 1)
    assert callbacks.send_due() == 0  # it may be sending yet, for all that anybody knows
    come_due(db)
    callbacks.send_due()

    first, second = receiver.received
    assert first.headers["X-Errand-Delivery"] == second.headers["X-Errand-Delivery"]
    assert (stands(db).state, stands(db).tries) == ("sent", 2)


def test_several_processes_send_each_once(
    db: Database, hooks: Hooks, callbacks: Callbacks, receiver: Receiver, life: Life
) -> None:
    """Whoever takes one has it alone; a mark of one that was overtaken is refused."""
    for number in range(10):
        life.end(life.delivered(f"k{number}"))
    allowed = frozenset({receiver.host})
    others = [Callbacks(db, hooks, clean=str, allowed=allowed, public_url=None) for _ in range(3)]

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda one: one.send_due(), [callbacks, *others]))

    assert len(receiver.received) == 10
    assert len({told.json["task"]["id"] for told in receiver.received}) == 10
    [due] = [one for one in db.read(_all) if one.task_id == receiver.received[0].json["task"]["id"]]
    taken = db.write(rows.take, due, until=utcnow())
    assert taken is not None
    assert db.write(rows.take, due, until=utcnow()) is None
    assert db.write(rows.sent, due) is False


def _all(c: Any) -> list[Callback]:
    return [webhooks.callback_of(row) for row in c.execute(select(table))]


def test_a_retried_task_is_told_of_again(
    db: Database, callbacks: Callbacks, receiver: Receiver, life: Life
) -> None:
    """It is another end, with another id; while it runs again nothing is sent."""
    task = life.end(life.delivered())
    callbacks.send_due()
    db.write(tasks.retry, task.id)
    assert callbacks.send_due() == 0

    life.end(task, "Better now.")
    callbacks.send_due()

    first, second = receiver.received
    assert second.json["task"]["result"] == "Better now."
    assert first.json["id"] != second.json["id"]
    assert (stands(db).state, stands(db).tries) == ("sent", 1)


def test_what_is_long_over_is_forgotten(db: Database, callbacks: Callbacks, life: Life) -> None:
    """After thirty days; what is to be told yet is kept however old it is."""
    life.end(life.delivered("told"))
    callbacks.send_due()
    life.delivered("open")
    purge_traces(db)
    assert len(db.read(_all)) == 2

    earlier = utcnow() - webhooks.KEPT - timedelta(hours=1)
    db.write(lambda c: c.execute(update(table).values(ended_at=earlier)))
    purge_traces(db)

    assert [one.state for one in db.read(_all)] == ["open"]


def test_a_private_address_gets_nothing(db: Database, hooks: Hooks, receiver: Receiver, life: Life) -> None:
    """Not even a connection; it is given up at once, with what would allow it."""
    life.end(life.delivered())
    strict = Callbacks(db, hooks, clean=str, allowed=frozenset(), public_url=None)

    strict.send_due()

    assert receiver.received == []
    assert stands(db).state is CallbackState.FAILED
    assert "ERRAND_CALLBACK_HOSTS" in stands(db).detail


def test_without_its_webhook_or_its_key_it_fails_with_a_sentence(
    db: Database, receiver: Receiver, life: Life, callbacks: Callbacks
) -> None:
    """Nothing is sent unsigned."""
    first, second = life.delivered("a"), life.delivered("b")
    life.end(first)
    vault = Vault([Fernet.generate_key().decode()])
    other = Hooks(db, vault, learn=lambda _: None)
    Callbacks(db, other, clean=str, allowed=frozenset({receiver.host}), public_url=None).send_due()
    db.write(webhooks.remove, "alerts")
    life.end(second)
    callbacks.send_due()

    assert receiver.received == []
    assert {one.state for one in db.read(_all)} == {CallbackState.FAILED}
    assert any("no webhook 'alerts'" in one.detail for one in db.read(_all))


def test_what_was_given_up_is_told_again_by_hand(
    db: Database, callbacks: Callbacks, receiver: Receiver, life: Life
) -> None:
    """Once, under the same id, to where the webhook tells by then."""
    receiver.answer = lambda _: (410, {})
    task = life.end(life.delivered())
    callbacks.send_due()
    assert stands(db).state is CallbackState.FAILED
    db.write(webhooks.change, "alerts", WebhookSettings(template="Look.", callback_url=f"{receiver.url}&new"))
    receiver.answer = lambda _: (204, {})

    told = db.write(rows.send_again, "alerts", task.id)
    assert (told.state, told.tries, told.detail) == (CallbackState.OPEN, 0, "")
    with pytest.raises(Conflict):
        db.write(rows.send_again, "alerts", task.id)
    assert callbacks.send_due() == 1

    first, second = receiver.received
    assert second.path.endswith("&new")
    assert first.headers["X-Errand-Delivery"] == second.headers["X-Errand-Delivery"]
    assert (stands(db).state, stands(db).tries) == (CallbackState.SENT, 1)
    db.write(webhooks.change, "alerts", WebhookSettings(template="Look."))
    with pytest.raises(Conflict, match="Nobody is told"):
        db.write(rows.send_again, "alerts", task.id)


def test_another_address_is_for_later_tasks(
    db: Database, callbacks: Callbacks, receiver: Receiver, life: Life
) -> None:
    """What was delivered before is told to whom it was to be told to."""
    task = life.delivered()
    db.write(webhooks.change, "alerts", WebhookSettings(template="Look."))
    life.end(task)
    life.end(life.delivered("later"))

    assert callbacks.send_due() == 1
    assert len(receiver.received) == 1


def test_a_receiver_that_drips_or_hangs_is_left(receiver: Receiver) -> None:
    """All of it has a limit in time, and an answer one in size."""
    receiver.answer, receiver.drip = lambda _: (200, {}), 0.05
    allowed = frozenset({receiver.host})

    began = time.monotonic()
    with pytest.raises(NotDelivered, match="in time"):
        post(receiver.url, b"{}", {}, allowed=allowed, seconds=1.0)
    assert 0.9 < time.monotonic() - began < 10

    receiver.drip = 0.0
    post(receiver.url, b"{}", {}, allowed=allowed, seconds=20.0)


def test_the_connection_goes_to_the_address_that_was_judged(receiver: Receiver) -> None:
    """The name is resolved once; what it would lead to the second time plays no part."""
    asked: list[str] = []

    def rebinding(host: str, _port: int) -> Sequence[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["127.0.0.2"]

    port = receiver.host.partition(":")[2]
    host = f"hooks.internal:{port}"
    post(f"http://{host}/x", b"{}", {}, allowed=frozenset({host}), resolver=rebinding)

    assert asked == ["hooks.internal"]
    assert receiver.received[0].headers["Host"] == host
