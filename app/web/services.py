"""What every view works with, put together once per process."""

from dataclasses import dataclass, field
from typing import Any, Protocol, cast

from flask import current_app

from app.agents import Agents
from app.db.engine import Database
from app.db.migrate import Schema
from app.dispatch import Bell
from app.domain.task import Task
from app.settings import Settings
from app.web.queue import Queue

EXTENSION = "errand.services"


class Publisher(Protocol):
    """Tells Viewers that a row was committed."""

    def publish_task(self, task: Task) -> Any:
        """Publish the Task's change of state; never raises, bounded in time."""


@dataclass(frozen=True)
class Services:
    """The collaborators of the web room."""

    settings: Settings
    db: Database
    bell: Bell
    publisher: Publisher
    agents: Agents
    queue: Queue
    schema: Schema = field(default_factory=Schema)


def services() -> Services:
    """Return the collaborators of the app that answers this request."""
    return cast("Services", current_app.extensions[EXTENSION])
