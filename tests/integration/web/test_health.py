"""Health, status, agents and machines: what is there, what is missing, and what an outage looks like."""

import time
from datetime import timedelta

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text, update

from app.clock import utcnow
from app.db import machines, migrate, rows
from app.db.engine import Database
from app.domain.machine import FoundCli, Machine, Role
from app.web.schemas import AgentList, MachineList, StatusOut
from tests.integration.web.conftest import AppMaker, signed_in
from tests.services import PostgresServer, RedisServer
from tests.waiting import wait_until


def machine(db: Database, *, role: Role = Role.WORKER, seen_ago: float = 0) -> None:
    """Let a Machine report itself."""
    now = utcnow()
    clis = {"demo-cli": FoundCli(path="/bin/demo", version="1"), "brain-cli": FoundCli(problem="is too old")}
    report = Machine(
        id=f"{role}-{seen_ago}",
        name=f"the-{role}",
        role=role,
        capacity=4,
        running=1,
        clis=clis,
        version="",
        started_at=now,
        seen_at=now,
    )
    db.write(machines.report, report)
    if seen_ago:
        then = {"seen_at": now - timedelta(seconds=seen_ago), "swept_at": now - timedelta(seconds=seen_ago)}
        db.write(
            lambda c: c.execute(update(rows.machines).where(rows.machines.c.id == report.id).values(then))
        )


def test_health_needs_nobody(make_app: AppMaker) -> None:
    """A process that answers is alive, whatever else is down."""
    app = make_app(Database("postgresql+psycopg2://x@127.0.0.1:1/x"), "redis://127.0.0.1:1/0")

    answer = app.test_client().get("/healthz")

    assert (answer.status_code, answer.get_json()) == (200, {"status": "ok"})


def test_ready_names_what_is_missing(app: Flask, database: Database) -> None:
    """Names only, and without a sign-in."""
    client = app.test_client()
    assert client.get("/readyz").get_json() == {"degraded": ["worker", "control"]}

    machine(database)
    assert client.get("/readyz").get_json() == {"degraded": ["control"]}

    machine(database, role=Role.CONTROL)
    answer = client.get("/readyz")
    assert (answer.status_code, answer.get_json()) == (200, {"degraded": []})


def test_ready_without_redis_is_degraded(make_app: AppMaker, sqlite: Database) -> None:
    """Tasks are still accepted and shown."""
    answer = make_app(sqlite, "redis://127.0.0.1:1/0").test_client().get("/readyz")

    assert answer.status_code == 200
    assert "redis" in answer.get_json()["degraded"]


def test_not_ready_while_the_schema_is_not_ours(
    make_app: AppMaker, empty_postgres_url: str, redis_url: str
) -> None:
    """503 that says what to run, and ready after that, without a restart."""
    database = Database(empty_postgres_url)
    client = make_app(database, redis_url).test_client()

    before = client.get("/readyz")
    migrate.upgrade(empty_postgres_url)
    after = client.get("/readyz")
    database.close()

    assert (before.status_code, before.get_json()["reason"]) == (503, "schema_mismatch")
    assert "app.db.migrate" in before.get_json()["detail"]
    assert after.status_code == 200


def test_a_deploy_does_not_make_old_processes_unready(client: FlaskClient, database: Database) -> None:
    """The schema of the next version is safe under this one's code, as long as it was running before."""
    assert client.get("/readyz").status_code == 200

    database.write(lambda c: c.execute(text("UPDATE alembic_version SET version_num = 'from-the-future'")))

    assert client.get("/readyz").status_code == 200


def test_a_process_that_comes_after_a_deploy_is_not_ready(
    make_app: AppMaker, sqlite: Database, redis_url: str
) -> None:
    """It never saw a schema that was its own."""
    sqlite.write(lambda c: c.execute(text("UPDATE alembic_version SET version_num = 'from-the-future'")))
    answer = make_app(sqlite, redis_url).test_client().get("/readyz")
    assert (answer.status_code, answer.get_json()["reason"]) == (503, "schema_mismatch")


def test_control_that_does_not_watch_is_named(client: FlaskClient, database: Database) -> None:
    """Its heartbeat alone is not its work."""
    machine(database)
    machine(database, role=Role.CONTROL)
    assert client.get("/readyz").get_json() == {"degraded": []}
    long_ago = {"swept_at": utcnow() - timedelta(minutes=5)}
    database.write(lambda c: c.execute(update(rows.machines).values(long_ago)))

    assert client.get("/readyz").get_json() == {"degraded": ["control"]}
    status = client.get("/api/status").get_json()
    assert (status["machines"]["control"], status["machines"]["watching"]) == (1, False)
    assert "does not watch over tasks" in status["problems"][0]


def test_a_machine_from_the_future_is_not_alive(client: FlaskClient, database: Database) -> None:
    """A clock that was turned back must not keep the dead alive until it has caught up."""
    machine(database)
    ahead = {"seen_at": utcnow() + timedelta(hours=2)}
    database.write(lambda c: c.execute(update(rows.machines).values(ahead)))
    assert "worker" in client.get("/readyz").get_json()["degraded"]


def test_a_database_that_is_away_is_a_503_until_it_is_back(
    make_app: AppMaker, own_postgres: PostgresServer, redis_url: str
) -> None:
    """With Retry-After; the process needs no restart."""
    name = own_postgres.create()
    url = own_postgres.url(name)
    migrate.upgrade(url)
    database = Database(url)
    client = signed_in(make_app(database, redis_url))
    assert client.get("/api/tasks").status_code == 200

    own_postgres.stop()
    for method, path in (("GET", "/api/tasks"), ("POST", "/api/chat"), ("GET", "/readyz")):
        answer = client.open(path, method=method, json={"message": "x"} if method == "POST" else None)
        assert (answer.status_code, answer.content_type) == (503, "application/problem+json"), path
        assert answer.get_json()["reason"] == "unavailable"
        assert int(answer.headers["Retry-After"]) >= 1
    status = client.get("/api/status").get_json()
    assert (status["database"], status["redis"], status["tasks"]) == ("down", "up", None)

    own_postgres.start()
    assert client.post("/api/chat", json={"message": "x"}).status_code == 202
    assert client.get("/api/status").get_json()["database"] == "up"
    database.close()


def test_status_counts(client: FlaskClient, database: Database) -> None:
    """Tasks by state, the queue, the workers that are alive."""
    machine(database)
    machine(database, seen_ago=3600)
    machine(database, role=Role.CONTROL)
    client.post("/api/chat", json={"message": "x"})

    status = client.get("/api/status").get_json()

    StatusOut.model_validate(status)
    assert status["tasks"] == {"queued": 1, "running": 0, "completed": 0, "failed": 0, "cancelled": 0}
    assert status["queue_length"] == 1
    assert status["machines"] == {
        "alive": 1,
        "capacity": 4,
        "running": 1,
        "control": 1,
        "watching": True,
    }
    assert (status["redis"], status["database"], status["problems"]) == ("up", "up", [])


def test_status_says_what_is_wrong_now(client: FlaskClient, database: Database) -> None:
    """A sentence for each missing part, gone when the part is back."""
    worker, control = client.get("/api/status").get_json()["problems"]
    assert worker.startswith("No worker is alive")
    assert control.startswith("No control process is alive")

    machine(database)
    assert client.get("/api/status").get_json()["problems"] == [control]


def test_status_does_not_wait_for_a_redis_that_hangs(
    make_app: AppMaker, sqlite: Database, hanging_redis: str
) -> None:
    """A moment, and the second time nothing at all."""
    client = signed_in(make_app(sqlite, hanging_redis))
    started = time.monotonic()

    first = client.get("/api/status").get_json()
    second = client.get("/api/status").get_json()

    assert time.monotonic() - started < 5
    assert first["redis"] == second["redis"] == "down"
    assert first["queue_length"] is None


def test_status_sees_redis_come_back(make_app: AppMaker, sqlite: Database, own_redis: RedisServer) -> None:
    """Frozen, then thawed."""
    client = signed_in(make_app(sqlite, own_redis.url))
    own_redis.pause()
    assert client.get("/api/status").get_json()["redis"] == "down"

    own_redis.resume()

    wait_until(lambda: client.get("/api/status").get_json()["redis"] == "up", 15)


def test_machines_are_listed_with_what_they_found(client: FlaskClient, database: Database) -> None:
    """Those that are gone as well, as gone."""
    machine(database)
    machine(database, seen_ago=3600)

    listed = client.get("/api/machines").get_json()

    MachineList.model_validate(listed)
    assert [item["alive"] for item in listed["items"]] == [True, False]
    assert listed["items"][0]["clis"]["brain-cli"]["problem"] == "is too old"
    assert listed["items"][0]["free"] == 3


def test_agents_are_listed_with_their_problems_and_who_can_run_them(app: Flask, database: Database) -> None:
    """A broken one by file and line, and none of them hidden."""
    machine(database)
    root = app.extensions["errand.services"].settings.agents_dir
    (root / "broken").mkdir()
    (root / "broken" / "agent.toml").write_text("cli = 5\n")

    listed = signed_in(app).get("/api/agents").get_json()

    AgentList.model_validate(listed)
    items = {item["name"]: item for item in listed["items"]}
    assert (items["demo"]["ready"], items["demo"]["machines"]) == (True, ["the-worker"])
    assert (items["brain"]["usable"], items["brain"]["ready"]) == (True, False)
    assert items["broken"]["usable"] is False
    assert (items["broken"]["problem"]["file"], items["broken"]["problem"]["line"]) == (
        "agents/broken/agent.toml",
        1,
    )
    assert [problem["agent"] for problem in listed["problems"]] == ["broken"]


def test_a_webhook_is_refused_rather_than_lost(app: Flask) -> None:
    """GitHub sees a failed delivery, with the reason, and can send it again."""
    answer = app.test_client().post("/webhooks/github", data=b"{}")
    problem = answer.get_json()
    assert (answer.status_code, problem["reason"]) == (503, "webhook_secret_missing")
