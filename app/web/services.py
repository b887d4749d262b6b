"""What every view works with, put together once per process."""

from dataclasses import dataclass, field
from typing import cast

from flask import current_app

from app.agents import Agents
from app.credentials import Safe
from app.credentials.waiting import Publisher, Waiting
from app.db.engine import Database
from app.db.migrate import Schema
from app.dispatch import Bell
from app.settings import Settings
from app.web.queue import Queue
from app.webhooks.hooks import Hooks

__all__ = ["EXTENSION", "Publisher", "Services", "services"]

EXTENSION = "errand.services"


@dataclass(frozen=True)
class Services:
    """The collaborators of the web room."""

    settings: Settings
    db: Database
    bell: Bell
    publisher: Publisher
    agents: Agents
    queue: Queue
    safe: Safe
    waiting: Waiting
    hooks: Hooks
    schema: Schema = field(default_factory=Schema)


def services() -> Services:
    """Return the collaborators of the app that answers this request."""
    return cast("Services", current_app.extensions[EXTENSION])
