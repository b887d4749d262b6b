"""WebSockets over a real web server: who gets in, what they see, how it ends."""

import random
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import redis
import websocket

from app.db import migrate, tasks
from app.db.engine import Database
from app.live.channel import TASKS
from app.live.publisher import Publisher
from tests.integration.live.stage import Run, new_task
from tests.integration.live.web import TOKEN, Client, WebServer, raw_request
from tests.services import RedisServer
from tests.waiting import pass_by, wait_until

_UPGRADE = (
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version: 13",
)
_BEARER = f"Authorization: Bearer {TOKEN}"


@dataclass(frozen=True)
class Site:
    """A web server with its database, its Redis, and somebody who publishes."""

    web: WebServer
    db: Database
    publisher: Publisher
    redis: RedisServer


@contextmanager
def _site(folder: Path, *, database_url: str, processes: int) -> Iterator[Site]:
    (folder / "redis").mkdir()
    server = RedisServer(folder / "redis")
    server.start()
    web = WebServer(folder, database_url=database_url, redis_url=server.url, processes=processes)
    db, publisher = Database(database_url), Publisher(server.url)
    try:
        web.start()
        yield Site(web, db, publisher, server)
    finally:
        web.stop()
        publisher.close()
        db.close()
        server.stop()


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def shared_pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Two web processes, on each kind of database, for all tests here."""
    folder = tmp_path_factory.mktemp("pair")
    if request.param == "sqlite":
        url = f"sqlite:///{folder / 'errand.db'}"
        migrate.upgrade(url)
    else:
        postgres = request.getfixturevalue("postgres_server")
        url = postgres.url(postgres.create(template=request.getfixturevalue("postgres_template")))
    with _site(folder, database_url=url, processes=2) as site:
        yield site


@pytest.fixture(scope="module")
def shared_single(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One web process on SQLite, for all tests here."""
    folder = tmp_path_factory.mktemp("single")
    url = f"sqlite:///{folder / 'errand.db'}"
    migrate.upgrade(url)
    with _site(folder, database_url=url, processes=1) as site:
        yield site


def _used(site: Site) -> Iterator[Site]:
    yield site
    site.web.hang_up()
    assert "Traceback" not in site.web.log


@pytest.fixture
def pair(shared_pair: Site) -> Iterator[Site]:
    """Two web processes; whatever a test does, they log no traceback."""
    yield from _used(shared_pair)


@pytest.fixture
def single(shared_single: Site) -> Iterator[Site]:
    """One web process; the same."""
    yield from _used(shared_single)


def test_ten_restless_clients_of_two_processes_see_everything(pair: Site) -> None:
    """They drop and come back with their last seq while pub/sub is killed: each sees 1..N."""
    task = new_task(pair.db)
    results: list[list[int]] = [[] for _ in range(10)]

    def watch(seqs: list[int], chance: random.Random) -> None:
        while True:
            client = pair.web.connect(f"/ws/tasks/{task.id}?after={seqs[-1] if seqs else 0}")
            for _ in range(chance.randint(1, 30)):
                if client.receive() is None:
                    seqs += client.seqs()
                    return
            seqs += client.seqs()
            (client.drop if chance.random() < 0.5 else client.close)()

    threads = [threading.Thread(target=watch, args=(r, random.Random(n))) for n, r in enumerate(results)]
    for thread in threads:
        thread.start()
    run = Run(pair.db, pair.publisher, task)
    with redis.Redis.from_url(pair.redis.url) as client:
        for n in range(150):
            run.print(*(f"line {n}.{m}" for m in range(1 + n % 7)))
            if n % 40 == 20:
                client.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
    done = run.finish()
    for thread in threads:
        thread.join(30)

    assert all(seqs == list(range(1, done.last_seq + 1)) for seqs in results)


def test_a_finished_task_is_replayed_and_closed(pair: Site) -> None:
    """All of it from the rows, the end, 1000."""
    run = Run(pair.db, pair.publisher, new_task(pair.db))
    run.print("a", "b", "c")
    run.finish()

    client = pair.web.connect(f"/ws/tasks/{run.task.id}?after=2").receive_all()

    assert client.messages[0]["type"] == "task"
    assert client.messages[0]["task"]["attempts"][0]["state"] == "succeeded"
    assert client.seqs() == [3, 4, 5]
    assert client.messages[-1] == {"type": "end", "state": "completed", "last_seq": 5}
    assert client.code == 1000


def test_a_retried_task_streams_on_in_a_new_connection(pair: Site) -> None:
    """After the end, `after` finds the next Attempt."""
    run = Run(pair.db, pair.publisher, new_task(pair.db))
    last = run.finish().last_seq
    pair.db.write(tasks.retry, run.task.id)
    client = pair.web.connect(f"/ws/tasks/{run.task.id}?after={last}")
    again = Run(pair.db, pair.publisher, run.task)
    again.print("more")
    done = again.finish()
    client.receive_all()

    assert client.seqs() == list(range(last + 1, done.last_seq + 1))
    assert client.code == 1000


def test_one_can_sign_in_by_cookie_and_origin(single: Site) -> None:
    """A page of ours gets in with its cookie; without an Origin, or with another's, it doesn't."""
    task = new_task(single.db)
    base = f"http://127.0.0.1:{single.web.port}"
    with httpx.Client(base_url=base, headers={"Origin": base}) as browser:
        answer = browser.post("/login", json={"token": TOKEN})
        assert answer.status_code < 400, answer.text
        cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    path, header = f"/ws/tasks/{task.id}", {"Cookie": cookie}
    for origin in (base, "https://errand.example"):
        client = single.web.connect(path, token=None, header=header, origin=origin)
        assert client.receive()
        client.close()
    lookalikes = [f"{base}.evil.test", "https://errand.example.evil.test", base + "0"]
    for wrong in (None, "null", "https://evil.test", *lookalikes):
        with pytest.raises(websocket.WebSocketBadStatusException) as caught:
            single.web.connect(path, token=None, header=header, origin=wrong)
        assert caught.value.status_code == 403


def test_a_bearer_from_a_foreign_page_is_refused(single: Site) -> None:
    """Origin is checked whatever one shows."""
    with pytest.raises(websocket.WebSocketBadStatusException) as caught:
        single.web.connect("/ws/tasks", origin="https://evil.test")

    assert caught.value.status_code == 403


def test_who_is_not_signed_in_is_told_by_a_close(single: Site) -> None:
    """Accepted, closed with 4401, no data before, and not told whether the Task exists."""
    for path in ("/ws/tasks", f"/ws/tasks/{uuid.uuid4()}", f"/ws/sessions/{uuid.uuid4()}"):
        for token in (None, "wrong"):
            client = single.web.connect(path, token=token).receive_all()

            assert (client.code, client.messages) == (4401, [])


def test_what_is_not_there_is_told_by_a_close(pair: Site) -> None:
    """4404 for what does not exist, 4400 for an `after` that is none."""
    for path, code in (
        (f"/ws/tasks/{uuid.uuid4()}", 4404),
        ("/ws/tasks/nonsense", 4404),
        ("/ws/tasks/%00", 4404),
        (f"/ws/sessions/{uuid.uuid4()}", 4404),
        (f"/ws/tasks/{uuid.uuid4()}?after=x", 4400),
        (f"/ws/tasks/{uuid.uuid4()}?after=-1", 4400),
        (f"/ws/sessions/{uuid.uuid4()}?after=1", 4400),
    ):
        client = pair.web.connect(path).receive_all()

        assert (client.code, client.messages) == (code, []), path
        assert client.reason


def test_a_session_is_followed_over_several_tasks(pair: Site) -> None:
    """Backlog in order, then live, then on with a cursor."""
    first = Run(pair.db, pair.publisher, new_task(pair.db))
    first.print("a")
    first.finish()
    second = Run(pair.db, pair.publisher, new_task(pair.db, session_id=first.task.session_id))
    client = pair.web.connect(f"/ws/sessions/{first.task.session_id}")
    wait_until(lambda: client.receive() and len(client.seqs()) >= 4)
    second.print("b", "c")
    wait_until(lambda: client.receive() and len(client.seqs()) >= 6)
    client.close()
    second.finish()
    client = pair.web.connect(f"/ws/sessions/{first.task.session_id}?after=1:3,2:2")
    wait_until(lambda: client.receive() and len(client.seqs()) >= 2)

    assert client.seqs() == [3, 4]
    client.close()


def test_compression_is_not_offered(single: Site) -> None:
    """A browser asks for permessage-deflate and doesn't get it."""
    answer = raw_request(
        single.web.port, "/ws/tasks", *_UPGRADE, _BEARER, "Sec-WebSocket-Extensions: permessage-deflate"
    )

    assert answer.startswith(b"HTTP/1.1 101")
    assert b"deflate" not in answer.lower()


def test_handshakes_that_are_none_are_no_server_error(single: Site) -> None:
    """A client's mistake is answered as one."""
    for headers in (
        (),
        _UPGRADE[:2],
        (*_UPGRADE[:2], "Sec-WebSocket-Key: x", "Sec-WebSocket-Version: 8"),
        (*_UPGRADE[:2], "Sec-WebSocket-Key: !", "Sec-WebSocket-Version: 13"),
    ):
        answer = raw_request(single.web.port, "/ws/tasks", *headers, _BEARER)

        assert not answer.startswith(b"HTTP/1.1 5"), answer[:200]


def test_clients_that_misbehave_are_closed(single: Site) -> None:
    """10 MB: 1009. A flood: 1008. A bad frame: 1002. The server goes on."""
    client = single.web.connect("/ws/tasks")
    client.ws.send("x" * 4096)
    with pytest.raises((websocket.WebSocketException, OSError)):  # noqa: PT012 - it may fail while sending or after
        client.ws.send("x" * 10_000_000)
        client.receive_all()
        raise websocket.WebSocketException(client.code)
    large = single.web.connect("/ws/tasks")
    large.ws.send("x" * 5000)
    assert large.receive_all().code == 1009
    flood = single.web.connect("/ws/tasks")
    for _ in range(300):
        flood.ws.send("hello")
    assert flood.receive_all().code == 1008
    bad = single.web.connect("/ws/tasks")
    assert bad.ws.sock is not None
    bad.ws.sock.sendall(b"\xff\xff\xff\xff\xff\xff\xff\xff")
    assert bad.receive_all().code == 1002
    polite = single.web.connect("/ws/tasks")
    polite.ws.ping("hello")
    opcode, data = polite.ws.recv_data(control_frame=True)
    assert (opcode, data) == (websocket.ABNF.OPCODE_PONG, b"hello")
    polite.close()


def test_a_stuck_client_is_closed_and_others_see_everything(single: Site) -> None:
    """4408 waits for it behind what the kernel holds. A slow one gets 1 MB frames intact."""
    run = Run(single.db, single.publisher, new_task(single.db))
    path = f"/ws/tasks/{run.task.id}"
    narrow = ((socket.SOL_SOCKET, socket.SO_RCVBUF, 65536),)
    stuck, slow, quick = (single.web.connect(path, sockopt=narrow) for _ in range(3))
    readers = [threading.Thread(target=quick.receive_all)]
    readers[0].start()
    for _ in range(24):
        run.print("x" * 1_000_000)
    began = time.monotonic()
    done = run.finish()
    readers[0].join(30)
    assert quick.seqs() == list(range(1, done.last_seq + 1))
    while slow.receive():
        pass_by(0.1)
    assert slow.seqs() == quick.seqs()
    assert slow.code == 1000
    pass_by(began + 12 - time.monotonic())
    stuck.receive_all()

    assert stuck.code == 4408
    assert stuck.seqs() == list(range(1, len(stuck.seqs()) + 1))
    assert len(stuck.seqs()) < done.last_seq


def test_connections_leave_nothing_behind(single: Site) -> None:
    """After 300 connects and disconnects, in every manner, files, threads and subscriptions are as before."""
    made = [new_task(single.db) for _ in range(5)]
    (worker,) = single.web.workers

    def connect(n: int) -> None:
        client = single.web.connect(f"/ws/tasks/{made[n % 5].id}")
        if n % 2:
            client.receive()
        (client.drop if n % 3 else client.close)()

    for n in range(20):
        connect(n)
    with redis.Redis.from_url(single.redis.url) as client:
        wait_until(lambda: client.pubsub_channels("errand:*") == [TASKS.encode()], 10)
        files, threads = worker.num_fds(), worker.num_threads()
        for n in range(300):
            connect(n)
        wait_until(lambda: client.pubsub_channels("errand:*") == [TASKS.encode()], 10)
    wait_until(lambda: worker.num_fds() <= files + 2, 10)
    assert worker.num_threads() <= threads + 10  # gevent's pool for SQLite


def test_a_deploy_closes_500_sockets_at_once(single: Site) -> None:
    """SIGTERM: everybody is told 1012, and the server is gone in seconds, without a traceback."""
    clients: list[Client] = [single.web.connect("/ws/tasks") for _ in range(500)]
    wait_until(lambda: len(single.web.workers) == 1)
    stopping = threading.Thread(target=single.web.stop)
    stopping.start()
    began = time.monotonic()
    for client in clients:
        client.receive_all()
        client.drop()
    assert time.monotonic() - began < 15
    assert {client.code for client in clients} == {1012}
    stopping.join()
    single.web.start()


def test_100_000_events_in_seconds_and_little_memory(single: Site) -> None:
    """Ten viewers of a task that prints 100,000 lines: all to each, while the web process stays small."""
    run = Run(single.db, single.publisher, new_task(single.db))
    clients = [single.web.connect(f"/ws/tasks/{run.task.id}") for _ in range(10)]
    (worker,) = single.web.workers
    counts: list[bool] = []
    peak = 0

    def count(client: Client) -> None:
        expected = 1
        while (message := client.receive()) is not None:
            if message["type"] == "events":
                seqs = [event["seq"] for event in message["events"]]
                assert seqs == list(range(expected, expected + len(seqs)))
                expected += len(seqs)
            client.messages.clear()
        counts.append(expected == 100_001)

    threads = [threading.Thread(target=count, args=(client,)) for client in clients]
    for thread in threads:
        thread.start()
    for n in range(100):
        run.print(*(f"line {n * 1000 + m} of a hundred thousand" for m in range(1000 - (n in {0, 99}))))
        peak = max(peak, worker.memory_info().rss)
    run.finish()
    began = time.monotonic()
    for thread in threads:
        thread.join(60)
        peak = max(peak, worker.memory_info().rss)

    assert counts == [True] * 10
    assert time.monotonic() - began < 30
    assert peak < 300 * 1024 * 1024
