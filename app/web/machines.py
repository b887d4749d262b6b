"""Machines: where Tasks can run."""

from datetime import datetime, timedelta
from typing import Any

from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag

from app.clock import rfc3339, utcnow
from app.db import machines
from app.db.machines import ALIVE_WITHIN
from app.domain.machine import Machine
from app.web.openapi import SECURITY, Answer, problems
from app.web.schemas import MachineList
from app.web.services import services

blueprint = APIBlueprint("machines", __name__, abp_tags=[Tag(name="machines")], abp_security=SECURITY)


@blueprint.get("/api/machines", responses={200: MachineList, **problems()})
def index() -> Answer:
    """List the machines that are alive or were seen lately, with the CLIs each has found."""
    now = utcnow()
    return {"items": [_shown(machine, now) for machine in services().db.read(machines.recent)]}


def _shown(machine: Machine, now: datetime) -> dict[str, Any]:
    return {
        "id": machine.id,
        "name": machine.name,
        "role": machine.role,
        "alive": machine.alive(now, within=timedelta(seconds=ALIVE_WITHIN)),
        "capacity": machine.capacity,
        "running": machine.running,
        "free": machine.free,
        "clis": {name: cli.model_dump() for name, cli in machine.clis.items()},
        "version": machine.version,
        "started_at": rfc3339(machine.started_at),
        "seen_at": rfc3339(machine.seen_at),
        "stopped_at": rfc3339(machine.stopped_at) if machine.stopped_at else None,
    }
