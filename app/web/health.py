"""Alive and ready, for whoever watches over the processes; the only calls that need no sign-in."""

from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag

from app.db import machines
from app.db.engine import Connection
from app.db.migrate import Schema
from app.domain.machine import Role
from app.errors import Unavailable
from app.web.openapi import Answer, problems
from app.web.schemas import Alive, Ready
from app.web.services import services

blueprint = APIBlueprint("health", __name__, abp_tags=[Tag(name="health")])


@blueprint.get("/healthz", responses={200: Alive, **problems()}, security=[{}])
def healthz() -> Answer:
    """Say that this process answers; asks nobody else."""
    return {"status": "ok"}


@blueprint.get("/readyz", responses={200: Ready, **problems()}, security=[{}])
def readyz() -> Answer:
    """Say whether the database can be used (503 if not), and which of the other parts are missing."""
    try:
        roles = services().db.read(_roles, services().schema)
    except Unavailable as error:
        # Its own message may name the database's host, which is nobody's business before a sign-in.
        raise Unavailable(retry_after=error.retry_after) from error
    degraded = [] if services().queue.length() is not None else ["redis"]
    degraded += [role for role in (Role.WORKER, Role.CONTROL) if role not in roles]
    return {"degraded": degraded}


def _roles(c: Connection, schema: Schema) -> set[Role]:
    """Return who is there, control only where it also does its work."""
    schema.check(c)
    workers = {Role.WORKER} if machines.alive(c, role=Role.WORKER) else set()
    return workers | ({Role.CONTROL} if machines.watching(c) else set())
