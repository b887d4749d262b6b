"""How the whole stands, at a glance."""

from typing import Any

from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag

from app.credentials.troubles import troubles
from app.db import machines, tasks
from app.db.engine import Connection
from app.domain.machine import Role
from app.domain.sandbox import Level
from app.errors import Unavailable
from app.settings import OPEN_REDIS
from app.web.openapi import SECURITY, Answer, problems
from app.web.schemas import StatusOut
from app.web.services import services

blueprint = APIBlueprint("status", __name__, abp_tags=[Tag(name="status")], abp_security=SECURITY)


@blueprint.get("/api/status", responses={200: StatusOut, **problems()})
def show() -> Answer:
    """Count tasks by state, look at the queue, the machines, Redis and the database."""
    try:
        stored = {**services().db.read(_stored), "database": "up"}
    except Unavailable:
        stored = {"tasks": None, "machines": None, "database": "down"}
    waiting = services().queue.length()
    status = {**stored, "queue_length": waiting, "redis": "down" if waiting is None else "up"}
    secrets = _wrong_credentials() if status["database"] == "up" else []
    return {
        **status,
        "problems": [*_open_door(), *_wrong(status), *secrets, *_wrong_agents(), *_lowered()],
    }


def _wrong(status: dict[str, Any]) -> list[str]:
    """Return a sentence for each thing that is missing, each with what to do."""
    if status["database"] == "down":
        return ["The database cannot be reached: nothing is accepted or shown until it is back."]
    found = []
    if status["redis"] == "down":
        found.append("Redis cannot be reached: tasks are accepted and start when it is back.")
    if not status["machines"]["alive"]:
        found.append("No worker is alive: tasks wait. Start one (the Procfile's worker line).")
    if not status["machines"]["control"]:
        found.append(
            "No control process is alive: workers stand in for rescues, but nothing is purged. "
            "Start exactly one (the Procfile's control line)."
        )
    elif not status["machines"]["watching"]:
        found.append(
            "The control process is alive but does not watch over tasks; workers stand in for it. "
            "Its log says why (sweep_failed)."
        )
    return found


def _wrong_credentials() -> list[str]:
    here = services()
    open_redis = [OPEN_REDIS] if here.settings.open_redis else []
    try:
        return [*open_redis, *troubles(here.db, here.safe, renewed=bool(here.settings.claude_token_url))]
    except Unavailable:
        return open_redis


def _lowered() -> list[str]:
    floor = services().settings.sandbox_floor
    if floor >= Level.CAGE:
        return []
    text = f"ERRAND_SANDBOX_FLOOR is {floor}: tasks with text from outside may run without the cage"
    return [f"{text} (docs/security.md says what that means). Unset it where the cage works."]


def _open_door() -> list[str]:
    if services().settings.auth != "none":
        return []
    return ["There is no sign-in (ERRAND_AUTH=none): whoever is on this machine is admin here."]


def _wrong_agents() -> list[str]:
    catalogue = services().agents.current()
    return [str(problem) for problem in catalogue.problems]


def _stored(c: Connection) -> dict[str, Any]:
    workers = machines.alive(c, role=Role.WORKER)
    return {
        "tasks": tasks.counts(c),
        "machines": {
            "alive": len(workers),
            "capacity": sum(worker.capacity for worker in workers),
            "running": sum(worker.running for worker in workers),
            "control": len(machines.alive(c, role=Role.CONTROL)),
            "watching": machines.watching(c),
        },
    }
