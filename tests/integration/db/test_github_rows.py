"""Rows of what comes from GitHub: kept once, decided once, counted right, on both databases."""

import uuid
from datetime import datetime, timedelta

import pytest
from sqlalchemy.exc import IntegrityError

from app.clock import utcnow
from app.db import deliveries, replies, tasks, threads
from app.db.engine import Connection, Database
from app.db.tasks import NewTask
from app.domain.delivery import Decision, DeliveryState, ObjectKey, Recorded, Verdict, digest
from app.domain.reply import KeptReply, KeptState, ReplyKind
from app.domain.task import TaskId
from app.domain.trigger import Account, Head, Thread, Trigger, TriggerKind
from app.errors import Conflict
from app.runner.purge import purge_deliveries

ANN = Account(id=7, login="ann")
BOT = Account(id=9, login="helper[bot]", type="Bot")
ISSUE = Thread(repository_id=1, repository="o/r", number=3, is_pull_request=False)


def received(name: str = "a", **fields: object) -> Recorded:
    """Return a Delivery that has just come."""
    plain = {
        "id": f"github:{name}",
        "source": "github",
        "event": "issues",
        "content_type": "application/json",
    }
    return Recorded.model_validate({**plain, "received_at": utcnow(), **fields})


def trigger(author: Account = ANN, thread: Thread = ISSUE) -> Trigger:
    """Return what somebody asked."""
    key = ObjectKey(repository_id=1, kind="comment", object_id=5, digest=digest("x"))
    return Trigger(kind=TriggerKind.MENTION, author=author, thread=thread, at=utcnow(), key=key)


def asked(
    c: Connection, author: Account = ANN, thread: Thread = ISSUE, *, at: datetime | None = None
) -> TaskId:
    """Insert a Task and its Reply."""
    task = tasks.create(c, NewTask("hello", "brain", "claude", 3, from_outside=True))
    kept = KeptReply(
        id=str(uuid.uuid4()),
        task_id=task.id,
        kind=ReplyKind.TASK,
        trigger=trigger(author, thread),
        requester_id=author.id,
        requester=author.login,
        created_at=at or utcnow(),
        head=Head(ref="b", sha="0" * 40, repository_id=1),
    )
    replies.add(c, kept)
    return task.id


def test_a_delivery_is_kept_once(db: Database) -> None:
    """Its bytes come back as they were, and a second one with its id changes nothing."""
    body = b'{"a": "\xff"}'
    assert db.write(deliveries.record, received(), body)
    assert not db.write(deliveries.record, received(), b"other")
    assert db.read(deliveries.body, "github:a") == body
    assert db.read(deliveries.get, "github:a").state is DeliveryState.RECEIVED


def test_the_same_question_leads_to_something_once(db: Database) -> None:
    """The object key is unique where it was acted on, whoever is first."""
    for name in ("a", "b"):
        db.write(deliveries.record, received(name), b"{}")
    decision = Decision(verdict=Verdict.COMMAND, code="stop", reason="Stopped.", object_key="1/comment/5/x")
    db.write(deliveries.decide, "github:a", decision, done=True)
    with pytest.raises(IntegrityError):
        db.write(deliveries.decide, "github:b", decision, done=True)
    known = db.read(deliveries.same_question, "1/comment/5/x")
    assert known is not None
    assert known.id == "github:a"
    with pytest.raises(Conflict):
        db.write(deliveries.take_again, "github:a")


def test_who_was_not_told_of_is_found(db: Database) -> None:
    """Rung for long ago, or not at all; not what waits for its next try, nor what is done."""
    now = utcnow()
    for name, age in (("a", 0), ("b", 60), ("c", 60), ("d", 60), ("e", 60)):
        db.write(deliveries.record, received(name, received_at=now - timedelta(seconds=age)), b"{}")
    db.write(deliveries.unmark, "github:a")
    db.write(deliveries.put_off, "github:c", now + timedelta(minutes=5), "GitHub is away.")
    db.write(deliveries.finish, "github:d")
    db.write(deliveries.mark_rung, ["github:e"], now)

    def found(before: datetime, at: datetime) -> list[str]:
        return [one[-1] for one in db.read(deliveries.unrung, now=at, rung_before=before, limit=9)]

    assert found(now - timedelta(seconds=9), now) == ["b", "a"]
    assert found(now + timedelta(seconds=9), now) == ["b", "e", "a"]
    later = now + timedelta(minutes=6)
    assert found(now - timedelta(seconds=9), later) == ["b", "c", "a"]
    assert db.read(deliveries.get, "github:c").tries == 1


def test_what_was_refused_can_be_taken_again(db: Database) -> None:
    """It is as if it had just come."""
    db.write(deliveries.record, received(), b"{}")
    refused = Decision(verdict=Verdict.REFUSED, code="permission", reason="ann has read permission.")
    db.write(deliveries.decide, "github:a", refused, done=True)
    again = db.write(deliveries.take_again, "github:a")
    assert (again.state, again.verdict, again.reason) == (DeliveryState.RECEIVED, None, "")


def test_pages_go_on_where_the_last_one_ended(db: Database) -> None:
    """Newest first, none twice."""
    now = utcnow()
    for number in range(5):
        at = now + timedelta(seconds=number)
        db.write(deliveries.record, received(str(number), received_at=at, repository="o/r"), b"{}")
    first = db.read(deliveries.page, limit=3)
    last = first[-1]
    rest = db.read(deliveries.page, limit=3, before=(last.received_at, last.id), repository="o/r")
    assert [one.id for one in (*first, *rest)] == [f"github:{n}" for n in (4, 3, 2, 1, 0)]


def test_old_deliveries_go(db: Database) -> None:
    """Those that nobody has acted on stay."""
    old = utcnow() - timedelta(days=40)
    db.write(deliveries.record, received("a", received_at=old), b"{}")
    db.write(deliveries.record, received("b", received_at=old), b"{}")
    db.write(deliveries.finish, "github:a")
    purge_deliveries(db, days=0)
    assert len(db.read(deliveries.page, limit=9)) == 2
    purge_deliveries(db, days=30)
    assert [one.id for one in db.read(deliveries.page, limit=9)] == ["github:b"]


def test_a_thread_keeps_its_session(db: Database) -> None:
    """Found by the repository's id, under whatever name it goes now."""
    session_id = db.write(tasks.create, NewTask("hello", "brain", "claude", 3)).session_id
    assert db.write(threads.session_of, ISSUE) is None
    db.write(threads.keep, ISSUE, session_id)
    assert db.write(threads.session_of, ISSUE.model_copy(update={"repository": "new/name"})) == session_id
    db.write(threads.forget, ISSUE)
    assert db.write(threads.session_of, ISSUE) is None


def test_tasks_are_counted_by_place_and_person(db: Database) -> None:
    """Of this thread, this repository, this user; of bots since the last person."""
    now = utcnow()
    other = ISSUE.model_copy(update={"number": 4})
    db.write(asked, ANN, at=now - timedelta(hours=5))
    db.write(asked, BOT, at=now - timedelta(minutes=3))
    db.write(asked, BOT, at=now - timedelta(minutes=2))
    db.write(asked, ANN, other, at=now - timedelta(minutes=1))
    found = db.read(replies.counts, ISSUE, user_id=ANN.id, now=now)
    assert (found.thread_hour, found.thread_day, found.thread_bots) == (2, 3, 2)
    assert (found.repository_hour, found.user_hour, found.notice_sent) == (3, 1, False)
    empty = db.read(replies.counts, ISSUE.model_copy(update={"number": 8}), user_id=None, now=now)
    assert (empty.thread_day, empty.thread_bots, empty.user_hour) == (0, 0, 0)


def test_a_notice_counts_until_the_next_task(db: Database) -> None:
    """One pause, one notice."""
    now = utcnow()

    def paused(c: Connection) -> None:
        about = trigger()
        kept = KeptReply(id="n", kind=ReplyKind.PAUSED, trigger=about, created_at=now, text="Paused.")
        replies.add(c, kept)

    db.write(asked, at=now - timedelta(minutes=1))
    db.write(paused)
    assert db.read(replies.counts, ISSUE, user_id=None, now=now).notice_sent
    db.write(asked, at=now + timedelta(minutes=1))
    assert not db.read(replies.counts, ISSUE, user_id=None, now=now).notice_sent


def test_a_reply_comes_back_as_it_was(db: Database) -> None:
    """With its Trigger and its head; a Task has one, and the thread's Tasks are found by it."""
    task_id = db.write(asked)
    reply = db.read(replies.of_task, task_id)
    assert reply is not None
    assert reply.trigger.author == ANN
    assert reply.head is not None
    assert reply.result is None
    db.write(replies.note_eyes, reply.id, 77)
    db.write(replies.reopen, task_id)
    again = db.read(replies.of_task, task_id)
    assert again is not None
    assert (again.reaction_id, again.state) == (77, KeptState.OPEN)
    assert db.read(replies.unfinished_tasks, ISSUE) == [task_id]
    assert db.read(replies.last_task, ISSUE) == task_id
    assert db.read(replies.asked_for_branch, 1, "agent/x") is None
    with pytest.raises(IntegrityError):
        db.write(replies.add, reply.model_copy(update={"id": str(uuid.uuid4())}))
