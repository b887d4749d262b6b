"""The Hub: Notices to those they concern, the rows for what was not told."""

import threading
from functools import partial

import redis

from app.db import rows
from app.db.engine import Database
from app.db.watch import Stand
from app.live.backlog import instant
from app.live.channel import TASKS, session_channel
from app.live.cursor import Cursor
from app.live.feed import SessionFeed, TaskFeed, TasksFeed
from app.live.hub import ALL, Hub, Interest, Pace
from app.live.message import Batch
from app.live.publisher import Publisher
from app.live.viewer import NO_SUCH_TASK, RESTARTING
from tests.integration.live.conftest import QUICK
from tests.integration.live.stage import Inbox, Run, Watcher, new_task
from tests.services import RedisServer
from tests.waiting import wait_until

_LAZY = Pace(up=60, down=60)


def _has(watcher: Watcher, count: int) -> bool:
    return watcher.inbox.seqs() == list(range(1, count + 1))


def test_a_viewer_sees_a_task_live_to_its_end(db: Database, hub: Hub, publisher: Publisher) -> None:
    """Task, Events as they come, each state, the end."""
    task = new_task(db)
    watcher = Watcher.of(hub, task).start()
    wait_until(lambda: watcher.inbox.states() == ["queued"])
    run = Run(db, publisher, task)
    run.print("one")
    wait_until(lambda: 2 in watcher.inbox.seqs())
    run.print("two", "three")
    run.finish()
    watcher.join()

    assert watcher.inbox.seqs() == [1, 2, 3, 4, 5]
    assert watcher.inbox.states() == ["queued", "running", "completed"]
    assert watcher.inbox.messages[-1] == {"type": "end", "state": "completed", "last_seq": 5}
    assert watcher.inbox.closed == 1000


def test_redis_brings_events_without_the_rows(db: Database, redis_url: str, publisher: Publisher) -> None:
    """While Redis is up a live viewer waits for no timer."""
    hub = Hub(db, redis_url, pace=_LAZY)
    hub.start()
    wait_until(lambda: hub.redis_up)
    task = new_task(db)
    run = Run(db, publisher, task)
    watcher = Watcher.of(hub, task).start()
    wait_until(lambda: watcher.inbox.seqs() == [1])
    for n in range(20):
        run.print(f"line {n}")
        wait_until(partial(_has, watcher, n + 2))
    hub.close_all()


def test_a_session_is_seen_with_all_its_tasks(db: Database, hub: Hub, publisher: Publisher) -> None:
    """A follow-up that is asked for later appears by itself, and the viewer stays."""
    first = new_task(db)
    run = Run(db, publisher, first)
    watcher = Watcher(hub, Interest(first.session_id), SessionFeed(first.session_id, Cursor())).start()
    wait_until(lambda: watcher.inbox.seqs() == [1])
    second = new_task(db, session_id=first.session_id)
    publisher.publish_task(second)
    wait_until(lambda: second.id in watcher.inbox.tasks())
    run.finish()
    run = Run(db, publisher, second)
    run.print("a", "b")
    done = run.finish()
    wait_until(lambda: watcher.inbox.seqs(second.id) == list(range(1, done.last_seq + 1)))

    assert watcher.inbox.closed is None
    watcher.viewer.stop(1000)
    watcher.join()


def test_all_states_are_seen_and_no_events(db: Database, hub: Hub, publisher: Publisher) -> None:
    """/ws/tasks shows what runs, then every change."""
    running = Run(db, publisher, new_task(db))
    watcher = Watcher(hub, ALL, TasksFeed()).start()
    wait_until(lambda: watcher.inbox.states() == ["running"])
    running.print("one")
    running.finish()
    fresh = new_task(db)
    publisher.publish_task(fresh)
    wait_until(lambda: "queued" in watcher.inbox.states())

    assert watcher.inbox.states()[-2:] == ["completed", "queued"]
    assert watcher.inbox.seqs() == []
    watcher.viewer.stop(1000)
    watcher.join()


def test_without_redis_everything_is_seen_a_little_later(
    db: Database, own_redis: RedisServer, publisher: Publisher
) -> None:
    """Redis dies in mid-stream, for good: Events, states, new Tasks and the end come from the rows."""
    hub = Hub(db, own_redis.url, pace=QUICK)
    hub.start()
    wait_until(lambda: hub.redis_up)
    task = new_task(db)
    run = Run(db, publisher, task)
    one = Watcher.of(hub, task).start()
    session = Watcher(hub, Interest(task.session_id), SessionFeed(task.session_id, Cursor())).start()
    every = Watcher(hub, ALL, TasksFeed()).start()
    wait_until(lambda: one.inbox.seqs() and session.inbox.seqs() and every.inbox.states())
    own_redis.stop()
    wait_until(lambda: not hub.redis_up)
    run.print("in", "the", "dark")
    run.finish()
    second = new_task(db, session_id=task.session_id)
    one.join()
    wait_until(partial(_has, session, 5))
    wait_until(lambda: {"completed", "queued"} <= set(every.inbox.states()))
    wait_until(lambda: session.inbox.tasks() == {task.id, second.id})

    assert one.inbox.seqs() == [1, 2, 3, 4, 5]
    hub.close_all()
    for watcher in (session, every):
        watcher.join()
        assert watcher.inbox.closed == RESTARTING


def test_redis_that_hangs_is_noticed(db: Database, own_redis: RedisServer) -> None:
    """A connection that says nothing is not taken for silence."""
    hub = Hub(db, own_redis.url, pace=QUICK)
    hub.start()
    wait_until(lambda: hub.redis_up)
    own_redis.pause()
    wait_until(lambda: not hub.redis_up, 15)
    own_redis.resume()
    wait_until(lambda: hub.redis_up, 15)
    hub.close_all()


def test_messages_that_are_no_notices_disturb_nobody(
    db: Database, hub: Hub, publisher: Publisher, redis_url: str
) -> None:
    """Garbage on a channel is logged and dropped."""
    task = new_task(db)
    run = Run(db, publisher, task)
    watcher = Watcher.of(hub, task).start()
    wait_until(lambda: watcher.inbox.seqs() == [1])
    with redis.Redis.from_url(redis_url) as client:
        for garbage in (b"", b"\xff\x00", b"[1,2", b'["%s",1]' % task.id.encode(), b"x" * 1_000_000):
            client.publish(session_channel(task.session_id), garbage)
            client.publish(TASKS, garbage)
    run.print("still here")
    run.finish()
    watcher.join()

    assert watcher.inbox.seqs() == [1, 2, 3]


class _BrokenFeed(TaskFeed):
    def follows(self, batch: Batch) -> bool:  # noqa: ARG002 - the Feed's signature
        return False

    def hear(self, batch: Batch, at: int) -> None:  # noqa: ARG002 - the same
        raise RuntimeError("a bug in one viewer")

    def learn(self, stand: Stand, at: int) -> bool:
        if stand.last_seq > 1:
            raise RuntimeError("the same bug, found by the rows first")
        return super().learn(stand, at)


def test_one_viewers_failure_reaches_no_other(db: Database, hub: Hub, publisher: Publisher) -> None:
    """A viewer that raises is closed with 1011; its neighbours see everything."""
    task = new_task(db)
    run = Run(db, publisher, task)
    broken = Watcher(hub, Interest(task.session_id, task.id), _BrokenFeed(task.id, 0, instant())).start()
    gone = Watcher.of(hub, task, inbox=Inbox(enough=2)).start()
    sane = [Watcher.of(hub, task).start() for _ in range(3)]
    wait_until(lambda: all(w.inbox.seqs() == [1] for w in [broken, *sane]))
    run.print("one")
    run.finish()
    for watcher in [broken, gone, *sane]:
        watcher.join()

    assert broken.inbox.closed == 1011
    assert [w.inbox.seqs() for w in sane] == [[1, 2, 3]] * 3


def test_a_slow_viewer_is_served_from_the_rows(db: Database, hub: Hub, publisher: Publisher) -> None:
    """Much more than its queue holds comes while it takes one message at a time; it gets all of it."""
    task = new_task(db)
    run = Run(db, publisher, task)
    slow = Watcher.of(hub, task, inbox=Inbox(delay=0.01)).start()
    wait_until(lambda: slow.inbox.seqs() == [1])
    for _ in range(40):
        run.print("x" * 30_000)
    done = run.finish()
    slow.join(20)

    assert slow.inbox.seqs() == list(range(1, done.last_seq + 1))


def test_huge_chunks_come_whole(db: Database, hub: Hub, publisher: Publisher) -> None:
    """Chunks too large to publish are read; whoever comes in the middle of one gets its second half."""
    task = new_task(db)
    run = Run(db, publisher, task)
    live = Watcher.of(hub, task).start()
    wait_until(lambda: live.inbox.seqs() == [1])
    for _ in range(3):
        run.print(*("é" * 100_000 for _ in range(20)))
    run.finish()
    late = Watcher.of(hub, task, after=31).start()
    live.join()
    late.join()

    assert live.inbox.seqs() == list(range(1, 63))
    assert late.inbox.seqs() == list(range(32, 63))


def test_a_task_that_is_deleted_closes_its_viewer(db: Database, hub: Hub, publisher: Publisher) -> None:
    """Purged while somebody looks: 4404."""
    task = new_task(db)
    watcher = Watcher.of(hub, task).start()
    wait_until(watcher.inbox.states)
    with db.engine.begin() as connection:
        connection.execute(rows.tasks.delete().where(rows.tasks.c.id == task.id))
    publisher.publish_task(task)
    watcher.join()

    assert watcher.inbox.closed == NO_SUCH_TASK


def test_subscriptions_return_to_where_they_were(db: Database, hub: Hub, redis_url: str) -> None:
    """After 300 comings and goings only the channel of all Tasks is left, and no thread."""
    made = [new_task(db) for _ in range(10)]
    threads = threading.active_count()
    with redis.Redis.from_url(redis_url) as client:

        def channels() -> list[bytes]:
            return client.pubsub_channels("errand:*")  # type: ignore[no-any-return]

        for n in range(300):
            Watcher.of(hub, made[n % 10], inbox=Inbox(enough=0)).run()

        assert hub.viewers == 0
        wait_until(lambda: channels() == [TASKS.encode()], 15)
    assert hub.channels == {TASKS}
    assert threading.active_count() <= threads


def test_closing_all_is_quick_and_final(db: Database, hub: Hub) -> None:
    """All viewers are told 1012, and who comes later too."""
    task = new_task(db)
    watchers = [Watcher.of(hub, task).start() for _ in range(50)]
    wait_until(lambda: all(w.inbox.states() for w in watchers))
    hub.close_all()
    late = Watcher.of(hub, task).start()
    for watcher in [*watchers, late]:
        watcher.join(2)

    assert {w.inbox.closed for w in [*watchers, late]} == {RESTARTING}


def test_who_may_no_longer_look_is_closed(db: Database, hub: Hub) -> None:
    """Signed out while connected: 4401 at the next check."""
    task = new_task(db)
    watcher = Watcher.of(hub, task)
    watcher.viewer._allowed = lambda: False
    watcher.viewer._check_at = 0
    watcher.start()
    watcher.join()

    assert watcher.inbox.closed == 4401
