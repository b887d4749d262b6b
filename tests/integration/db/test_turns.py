"""Turns at Replies and bundles of work, on each kind of database."""

import uuid
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, update

from app.clock import utcnow
from app.db import bundles, replies, runs, tasks, turns
from app.db.bundles import Bundle
from app.db.engine import Database
from app.db.github_rows import replies as reply_rows
from app.db.runs import Ending
from app.db.tasks import NewTask
from app.domain.delivery import ObjectKey, digest
from app.domain.reply import KeptReply, KeptState, ReplyKind
from app.domain.task import AttemptState, Hold, Task, TaskState
from app.domain.trigger import Account, Thread, Trigger, TriggerKind
from app.errors import LeaseLost

DONE = Ending(task_state=TaskState.COMPLETED, attempt_state=AttemptState.SUCCEEDED)


@pytest.fixture
def asked(db: Database) -> Task:
    """A Task with an open Reply."""
    return db.write(_ask)


def _ask(c: Connection, /, **more: Any) -> Task:
    trigger = Trigger(
        kind=TriggerKind.MENTION,
        author=Account(id=7, login="mona"),
        thread=Thread(repository_id=1, repository="octo/hello", number=1, is_pull_request=False),
        at=utcnow(),
        key=ObjectKey(repository_id=1, kind="comment", object_id=1, digest=digest("x")),
    )
    task = tasks.create(c, NewTask("hello", "brain", "claude", 3, from_outside=True))
    reply = {"id": str(uuid.uuid4()), "kind": ReplyKind.TASK, "created_at": utcnow(), **more}
    replies.add(c, KeptReply(task_id=task.id, trigger=trigger, **reply))
    return task


def _reply(db: Database, task: Task) -> KeptReply:
    found = db.read(replies.of_task, task.id)
    assert found is not None
    return found


def test_one_has_a_turn_until_it_is_over(db: Database, asked: Task) -> None:
    """And who had it before writes nothing more."""
    now = utcnow()
    (reply_id,) = db.read(turns.due, now, limit=9)
    first = db.write(turns.take, reply_id, now, seconds=15)
    assert first is not None
    assert db.write(turns.take, reply_id, now, seconds=15) is None
    assert db.read(turns.due, now, limit=9) == []

    db.write(turns.renew, [first], now, seconds=30)
    assert db.read(turns.due, now + timedelta(seconds=20), limit=9) == []
    second = db.write(turns.take, reply_id, now + timedelta(seconds=31), seconds=15)
    assert second is not None
    assert not db.write(turns.keep, first, comment_id=1)
    assert db.write(turns.keep, second, comment_id=2**40)
    assert _reply(db, asked).comment_id == 2**40


def test_reply_ends_with_its_task_and_not_before(db: Database, asked: Task) -> None:
    """One that is asked for again meanwhile goes on."""
    now = utcnow()
    reply = db.write(turns.take, _reply(db, asked).id, now, seconds=15)
    assert reply is not None
    assert not db.write(turns.finish, reply, 0, now)
    _run(db, asked)
    assert not db.write(turns.finish, reply, 2, now)
    assert db.write(turns.finish, reply, 1, now)
    assert _reply(db, asked).state is KeptState.FINISHED
    assert not db.read(turns.reopened)

    db.write(tasks.retry, asked.id)
    assert _reply(db, asked).state is KeptState.OPEN
    # On Postgres a finish that waited for that write may still take the Task for ended.
    db.write(lambda c: c.execute(update(reply_rows).values(state=KeptState.FINISHED)))
    assert db.read(turns.reopened)
    db.write(turns.reopen)
    assert _reply(db, asked).state is KeptState.OPEN


def test_next_task_waits_until_the_changes_are_on_github(db: Database, asked: Task) -> None:
    """While they are on their way nobody claims it, and it says that its conversation is busy."""
    new = NewTask("go on", asked.agent, asked.cli, 3, session_id=asked.session_id)
    following = db.write(tasks.create, new)
    claim = db.write(runs.claim, asked.id, machine="m")
    assert claim is not None
    db.write(bundles.put, asked.id, Bundle(claim.attempt, {"branch": "b"}, b"x"))
    db.write(runs.finish, asked.id, claim.attempt, DONE)
    assert db.write(runs.claim, following.id, machine="m") is None
    assert db.read(tasks.next_in_session, asked.session_id) is None
    assert db.read(tasks.get, following.id).hold is Hold.SESSION_BUSY

    reply = db.write(turns.take, _reply(db, asked).id, utcnow() + timedelta(hours=1), seconds=15)
    assert reply is not None
    assert db.write(turns.finish, reply, claim.attempt, utcnow())

    assert db.read(tasks.next_in_session, asked.session_id) == following.id
    assert db.write(runs.claim, following.id, machine="m") is not None


def _run(db: Database, task: Task) -> None:
    claim = db.write(runs.claim, task.id, machine="m")
    assert claim is not None
    db.write(runs.finish, task.id, claim.attempt, DONE)


def test_bundle_is_the_running_attempts(db: Database, asked: Task) -> None:
    """Nobody else writes one, and a later Attempt's replaces it."""
    start = {"branch": "b", "sha": "1" * 40, "base": "main", "pull_number": None}
    with pytest.raises(LeaseLost):
        db.write(bundles.put, asked.id, Bundle(1, start, b"x"))
    db.write(runs.claim, asked.id, machine="m")
    for data in (b"one", b"\0two"):
        db.write(bundles.put, asked.id, Bundle(1, start, data, "note"))

    assert db.read(bundles.of_task, asked.id, 1) == Bundle(1, start, b"\0two", "note")
    assert db.read(bundles.of_task, asked.id, 2) is None
    db.write(bundles.drop, asked.id)
    assert db.read(bundles.of_task, asked.id, 1) is None


def test_newest_answer_with_a_pull_request_is_found(db: Database, asked: Task) -> None:
    """That is whose branch the next one in the thread goes on with."""
    early: datetime = utcnow() - timedelta(hours=1)
    db.write(_ask, branch="agent/x", pull_number=5, created_at=early)
    db.write(_ask, branch=None, pull_number=None)

    found = db.read(turns.last_pull, _reply(db, asked))

    assert found is not None
    assert (found.branch, found.pull_number) == ("agent/x", 5)
    assert db.read(turns.ahead, asked.id) == 0
