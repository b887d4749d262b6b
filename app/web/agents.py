"""Agents: what can run, what is wrong with the rest, and who has the CLI for it."""

from collections.abc import Sequence
from typing import Any

from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag

from app.db import machines
from app.domain.agent import Agent, Problem
from app.domain.machine import Machine, Role
from app.web.openapi import SECURITY, Answer, problems
from app.web.schemas import AgentList
from app.web.services import services

blueprint = APIBlueprint("agents", __name__, abp_tags=[Tag(name="agents")], abp_security=SECURITY)


@blueprint.get("/api/agents", responses={200: AgentList, **problems()})
def index() -> Answer:
    """List the agents with the problems found in their files and the machines that can run them."""
    catalogue = services().agents.current()
    workers = services().db.read(machines.alive, role=Role.WORKER)
    return {
        "items": [_shown(name, entry, workers) for name, entry in sorted(catalogue.items())],
        "problems": [problem.model_dump() for problem in catalogue.problems],
    }


def _shown(name: str, entry: Agent | Problem, workers: Sequence[Machine]) -> dict[str, Any]:
    if isinstance(entry, Problem):
        unknown: dict[str, Any] = {
            "description": "",
            "cli": None,
            "model": None,
            "sandbox": None,
            "machines": [],
        }
        return {"name": name, "usable": False, "ready": False, **unknown, "problem": entry.model_dump()}
    able = sorted({machine.name for machine in workers if _has(machine, entry.cli)})
    return {
        "name": name,
        "usable": True,
        "ready": bool(able),
        "description": entry.description,
        "cli": entry.cli,
        "model": entry.model,
        "sandbox": entry.sandbox,
        "machines": able,
        "problem": None,
    }


def _has(machine: Machine, cli: str) -> bool:
    found = machine.clis.get(cli)
    return found is not None and found.usable
