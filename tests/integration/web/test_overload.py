"""Many at once: ten thousand tasks that wait, a full queue, more requests than connections."""

import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from flask.testing import FlaskClient
from sqlalchemy import insert

from app.clock import utcnow
from app.db import doorbells, rows
from app.db.engine import Connection, Database
from app.domain.task import TaskState
from tests.integration.web.conftest import AppMaker, signed_in

MANY = 10_000


def _waiting(c: Connection, count: int) -> None:
    now = utcnow()
    ids = [str(uuid.uuid4()) for _ in range(count)]
    session = {"title": "x", "agent": "demo", "created_at": now, "updated_at": now, "tasks_made": 1}
    c.execute(insert(rows.sessions), [{"id": i, **session} for i in ids])
    task = {"position": 1, "agent": "demo", "cli": "demo", "message": "x", "max_attempts": 3}
    times = [now + timedelta(microseconds=n) for n in range(count)]
    state = {"state": TaskState.QUEUED, "rung_at": now}
    c.execute(
        insert(rows.tasks),
        [
            {"id": i, "session_id": i, "created_at": at, **task, **state}
            for i, at in zip(ids, times, strict=True)
        ],
    )


def test_ten_thousand_waiting_tasks_slow_nobody_down(client: FlaskClient, database: Database) -> None:
    """Q-07: lists, counts and the observer's questions take a fraction of a second each."""
    database.write(_waiting, MANY)
    now = utcnow()

    took = {}
    for path in ("/api/tasks?limit=100", "/api/tasks?state=queued&limit=100", "/api/status", "/readyz"):
        began = time.monotonic()
        assert client.get(path).status_code == 200
        took[path] = time.monotonic() - began
    began = time.monotonic()
    unrung = database.read(doorbells.unrung, now=now, rung_before=now + timedelta(minutes=1), limit=1000)
    due = database.read(doorbells.count_due, now)
    took["observer"] = time.monotonic() - began

    assert (len(unrung), due) == (1000, MANY)
    assert client.get("/api/status").get_json()["tasks"]["queued"] == MANY
    assert {what: seconds for what, seconds in took.items() if seconds > 1} == {}


def test_one_conversation_of_thousands_is_no_slower(client: FlaskClient, database: Database) -> None:
    """Whether an earlier task of it waits is one look at an index, for each of them."""

    def long_one(c: Connection) -> None:
        now = utcnow()
        session = str(uuid.uuid4())
        made = {"title": "x", "agent": "demo", "created_at": now, "updated_at": now, "tasks_made": 6000}
        c.execute(insert(rows.sessions).values(id=session, **made))
        task = {"agent": "demo", "cli": "demo", "message": "x", "max_attempts": 3, "created_at": now}
        states = [TaskState.COMPLETED] * 3000 + [TaskState.QUEUED] * 3000
        c.execute(
            insert(rows.tasks),
            [
                {"id": str(uuid.uuid4()), "session_id": session, "position": n, "state": state, **task}
                for n, state in enumerate(states, 1)
            ],
        )

    database.write(long_one)
    began = time.monotonic()
    assert database.read(doorbells.count_due, utcnow()) == 1
    assert client.get("/api/tasks?state=queued&limit=100").status_code == 200
    assert time.monotonic() - began < 5  # some 20 ms; without the index every task looks at all others


def test_a_full_queue_says_when_to_come_back(make_app: AppMaker, sqlite: Database, redis_url: str) -> None:
    """429 with the limit, its name and Retry-After; nothing was stored."""
    client = signed_in(make_app(sqlite, redis_url, queue_limit=2))
    for _ in range(2):
        assert client.post("/api/chat", json={"message": "x"}).status_code == 202

    answer = client.post("/api/chat", json={"message": "x"})

    problem = answer.get_json()
    assert (answer.status_code, problem["reason"]) == (429, "queue_full")
    assert "ERRAND_QUEUE_LIMIT is 2" in problem["detail"]
    assert int(answer.headers["Retry-After"]) > 0
    assert client.get("/api/status").get_json()["tasks"]["queued"] == 2


def test_a_burst_of_requests_leaves_the_pool_as_it_was(
    make_app: AppMaker, postgres_url: str, redis_url: str
) -> None:
    """DB-08: two hundred over five connections are all answered, and all are given back."""
    db = Database(postgres_url, pool_size=5)
    app = make_app(db, redis_url)

    def ask(_number: int) -> int:
        return signed_in(app).get("/api/tasks").status_code

    with ThreadPoolExecutor(20) as crowd:
        statuses = list(crowd.map(ask, range(200)))

    assert set(statuses) == {200}
    assert db.engine.pool.checkedout() == 0  # type: ignore[attr-defined] # the pool of a server's engine has it
    db.close()
