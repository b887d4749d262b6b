"""Drills of one load each: many that wait, that are stopped, that print, that are old, and many strangers."""

import http.client
import json
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from statistics import quantiles

import httpx
import psutil
import websocket
from sqlalchemy import Connection, func, insert, select

from app.clock import utcnow
from app.db import events, rows
from app.domain.event import Raw
from tests.chaos.drill import SHORT, Drill
from tests.chaos.load import Accepted
from tests.chaos.plant import TOKEN
from tests.chaos.promises import Promise
from tests.chaos.recordings import trees
from tests.chaos.service import alive, mark_of
from tests.chaos.stores import Sqlite
from tests.waiting import wait_until

#: Seconds.
_CANCELLED_WITHIN = 5.0
_LIST_WITHIN = 1.0
_LAG_WITHIN = 5.0
_LOCK_WITHIN = 1.0
_MB = 1024**2


def cancels(drill: Drill) -> Promise:
    """Stop Tasks whose trees ignore SIGTERM and ran away, each asked for five times at once."""
    plan = replace(SHORT, bursts=(1,) * 600, pause=0.2, forks=("session", "daemon"), deaf=True)
    took: list[float] = []
    against: list[str] = []
    for _ in range(5):
        started = drill.starts()
        asked = drill.ask(20, plan)
        drill.started(started + len(asked))
        with ThreadPoolExecutor(len(asked)) as crowd:
            took += list(crowd.map(lambda one: _cancelled(drill, one), asked))
        against += [
            f"{told.task['id']}: {told.task['state']}"
            for told in drill.told(asked)
            if told.task["state"] != "cancelled"
        ]
    left = [f"{process.pid} {mark_of(process)}" for process in drill.plant.trees()]
    p99 = quantiles(took, n=100)[-1]
    against += left + ([f"p99 {p99:.2f} s"] if p99 > _CANCELLED_WITHIN else [])
    figure = f"p50 {quantiles(took, n=2)[0]:.2f} s, p99 {p99:.2f} s, {len(left)} processes left"
    return Promise(f"{len(took)} cancels of stubborn trees -> nothing alive", figure, "p99 5 s, 0", against)


def _cancelled(drill: Drill, accepted: Accepted) -> float:
    """Return the seconds from the first cancel until the Task is final and nothing of its tree is alive."""
    began = time.monotonic()
    with drill.plant.client(timeout=30) as client:
        for _ in range(5):
            assert client.post(f"/api/tasks/{accepted.task_id}/cancel").status_code == 202
        path = f"/api/tasks/{accepted.task_id}"
        wait_until(lambda: client.get(path).json()["state"] == "cancelled", 30, interval=0.05)
    mine = f":{accepted.task_id}:"
    wait_until(lambda: not any(mine in (mark_of(p) or "") for p in psutil.process_iter() if alive(p)), 30)
    return time.monotonic() - began


def queue(drill: Drill) -> Promise:
    """Let ten thousand Tasks wait, look at them, and run them."""
    count = int(drill.given.queued)
    for worker in drill.plant.workers:
        worker.stop(20)
    before = _memory(drill)
    drill.ask(count, SHORT)
    with drill.plant.client(timeout=60) as client:
        slowest = max(_seconds(client, "GET", path) for path in ("/api/tasks?limit=100", "/api/status") * 5)
    waiting = _memory(drill)
    for worker in drill.plant.workers:
        worker.start()
    drill.settle(3600)
    grown = max(_memory(drill).get(name, 0) - size for name, size in before.items())
    late = _displacement(drill)
    against = list(drill.against())
    against += [f"{slowest:.2f} s for a list"] if slowest > _LIST_WITHIN else []
    against += [f"{grown:.0f} MB"] if grown > 100 else []
    against += [f"a task was overtaken by {late} others"] if late > 4 * 16 else []
    peak = max(waiting[name] - before[name] for name in before)
    figure = f"+{max(peak, grown):.0f} MB at most, lists {slowest:.2f} s, overtaken by {late} at most"
    return Promise(f"{count} queued tasks: memory flat, order kept", figure, "100 MB, 1 s, 64", against)


def _memory(drill: Drill) -> dict[str, float]:
    """Return the MB of each service that serves or watches, its own children included."""
    found = {}
    for name in ("web", "control"):
        service = drill.plant.services[name]
        own = [psutil.Process(service.pid), *service.own()]
        found[name] = sum(process.memory_info().rss for process in own) / _MB
    return found


def _displacement(drill: Drill) -> int:
    """Return by how many later ones the worst Task was overtaken."""
    started = {task_id: found[0].first for task_id, found in trees(drill.plant.records).items()}
    by_place = sorted(drill.load.accepted.values(), key=lambda accepted: accepted.at)
    order = sorted(by_place, key=lambda accepted: started.get(accepted.task_id, 0))
    place = {accepted.task_id: number for number, accepted in enumerate(order)}
    return max(place[accepted.task_id] - number for number, accepted in enumerate(by_place))


def flood(drill: Drill) -> Promise:
    """LOAD-02: ten Tasks print up to 20,000 lines a second each, and each is looked at while it does."""
    bursts = (1000,) * int(drill.given.load_seconds * 20)
    asked = drill.ask(10, replace(SHORT, bursts=bursts, pause=0.05))
    with ThreadPoolExecutor(len(asked)) as crowd:
        seen = list(crowd.map(lambda one: _watched(drill, one), asked))
    drill.settle(60)
    wanted = sum(bursts)
    against = [*drill.against(), *(line for _, lines in seen for line in lines)]
    lag = max(lag for lag, _ in seen)
    against += [f"{lag:.1f} s"] if lag > _LAG_WITHIN else []
    stored = drill.plant.db.read(_stored_events)
    if stored < wanted * len(asked):
        against.append(f"{stored} events stored")
    name = f"{len(asked)} tasks of {wanted} lines, each watched: all stored and seen in order; lag at the end"
    return Promise(name, f"{stored} events, {lag:.2f} s", f"all, {_LAG_WITHIN:.0f} s", against)


def _stored_events(c: Connection) -> int:
    return int(c.execute(select(func.sum(rows.tasks.c.last_seq))).scalar_one())


def _watched(drill: Drill, accepted: Accepted) -> tuple[float, list[str]]:
    """Follow one Task to its end; return how long after the row the end came, and what was wrong."""
    last, wrong = 0, []
    url = f"ws://{drill.plant.base}/ws/tasks/{accepted.task_id}"
    bearer = [f"Authorization: Bearer {TOKEN}"]
    viewer = websocket.create_connection(url, 60, header=bearer, skip_utf8_validation=True)
    while True:
        message = json.loads(viewer.recv())
        if message["type"] == "events":
            for event in message["events"]:
                if event["seq"] != last + 1:
                    wrong.append(f"{accepted.task_id}: {event['seq']} after {last}")
                last = event["seq"]
        elif message["type"] == "end":
            break
    viewer.close()
    ended = drill.plant.db.read(
        lambda c: c.execute(
            select(rows.tasks.c.finished_at).where(rows.tasks.c.id == accepted.task_id)
        ).scalar_one()
    )
    return (utcnow() - ended).total_seconds(), wrong


def retention(drill: Drill) -> Promise:
    """LOAD-04: delete ten thousand old conversations while others go on writing."""
    count = int(drill.given.queued)
    drill.plant.db.write(_old_sessions, count)
    store = drill.plant.store
    assert isinstance(store, Sqlite)  # a server reuses what was freed, and its files stay as they are
    before = store.size()
    slowest, ended = [0.0], threading.Event()

    def write() -> None:
        with drill.plant.client(timeout=60) as client:
            while not ended.wait(0.05):
                body = {"message": SHORT.message, "agent": "brain"}
                slowest.append(_seconds(client, "POST", "/api/chat", body))

    writer = threading.Thread(target=write)
    writer.start()
    drill.plant.celery.send_task("tasks.purge", queue="control")
    old = select(func.count()).select_from(rows.sessions).where(rows.sessions.c.title == "old")
    wait_until(lambda: drill.plant.db.read(lambda c: c.execute(old).scalar_one()) == 0, 600, interval=0.5)
    wait_until(lambda: "purged" in drill.plant.services["control"].log.read_text(), 600, interval=0.5)
    ended.set()
    writer.join()
    after = store.size()
    against = [f"a request waited {max(slowest):.2f} s"] if max(slowest) > _LOCK_WITHIN else []
    against += ["the database did not shrink"] if after > before / 2 else []
    shrunk = f"{before / _MB:.0f} -> {after / _MB:.0f} MB"
    figure = f"{shrunk}, slowest of {len(slowest) - 1} requests {max(slowest):.2f} s"
    return Promise(f"{count} old conversations purged", figure, "shrinks, 1 s", against)


def _old_sessions(c: Connection, count: int) -> None:
    then = utcnow() - timedelta(days=30)
    ids = [str(uuid.uuid4()) for _ in range(count)]
    made = {"title": "old", "agent": "brain", "created_at": then, "updated_at": then, "tasks_made": 1}
    c.execute(insert(rows.sessions), [{"id": i, **made} for i in ids])
    task = {"position": 1, "agent": "brain", "cli": "claude", "message": "x", "max_attempts": 3}
    final = {"state": "completed", "created_at": then, "finished_at": then, "last_seq": 20}
    c.execute(insert(rows.tasks), [{"id": i, "session_id": i, **task, **final} for i in ids])
    printed: list[Raw] = [Raw(text=f"{uuid.uuid4()} {n}") for n in range(20)]
    payload = events.encode(events.number(printed, after=0, attempt=1, at=then))
    for i in ids:
        events._insert_chunk(c, events.Batch(i, 1, 0, 20, payload))  # type: ignore[arg-type] # an id is text


def strangers(drill: Drill) -> Promise:
    """LOAD-05: a thousand requests a second without a token, and somebody who has one."""
    seconds, ended, sent = float(drill.given.load_seconds), threading.Event(), []

    def knock() -> None:
        count = 0
        host, port = drill.plant.base.split(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=30)
        while not ended.is_set():
            connection.request("GET", "/api/tasks")
            connection.getresponse().read()
            count += 1
        sent.append(count)

    crowd = [threading.Thread(target=knock) for _ in range(16)]
    for one in crowd:
        one.start()
    took = []
    with drill.plant.client(timeout=60) as client:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            took.append(_seconds(client, "GET", "/api/tasks"))
    ended.set()
    for one in crowd:
        one.join()
    p95 = quantiles(took, n=20)[-1]
    against = [f"{p95:.2f} s"] if p95 > _LIST_WITHIN else []
    name = f"{sum(sent) / seconds:.0f} requests a second without a token; one with it"
    return Promise(name, f"p95 {p95:.2f} s of {len(took)}", "p95 1 s", against)


def _seconds(client: httpx.Client, method: str, path: str, body: object = None) -> float:
    began = time.monotonic()
    answer = client.request(method, path, json=body)
    assert answer.is_success, answer.text
    return time.monotonic() - began
