"""An Errand that takes Deliveries as the web and control do, over the stand-in for GitHub."""

import itertools
from pathlib import Path
from typing import Any

from app.agents import Agents
from app.db import deliveries, replies, tasks
from app.db.engine import Database
from app.domain.delivery import Recorded
from app.domain.reply import KeptReply
from app.domain.task import Task, TaskId
from app.github.delivery import read_delivery
from app.github.intake import Intake
from app.settings import PROJECT_ROOT, Settings
from app.web.webhooks import recorded
from tests.fakes.github import deliveries as payloads
from tests.fakes.github.server import FakeGitHub
from tests.fakes.github.state import Repository


class Bell:
    """Remembers for whom it was rung."""

    def __init__(self) -> None:
        self.rung: list[TaskId] = []

    def ring(self, task_id: TaskId, *, countdown: float | None = None) -> bool:  # noqa: ARG002 - a Bell's own
        """Remember it."""
        self.rung.append(task_id)
        return True

    def deliver(self, delivery_id: str) -> bool:  # noqa: ARG002 - a Bell's own
        """Nobody rings for Deliveries here."""
        return True


class Echoes:
    """Hears nothing."""

    def publish_task(self, task: Task) -> None:
        """There is no Viewer."""


class Errand:
    """Deliveries come in, and are read at once."""

    def __init__(self, db: Database, github: FakeGitHub, hello: Repository, folder: Path) -> None:
        self.db, self.github, self.hello, self.folder = db, github, hello, folder
        self.bell = Bell()
        self._numbers = itertools.count(1)

    def intake(self, **given: Any) -> Intake:
        """Return what reads Deliveries, set up in some way."""
        values: dict[str, Any] = {
            "github_app_id": self.github.app_id,
            "github_app_private_key": self.github.app_key,
            "github_api_url": self.github.api_url,
            "data_dir": self.folder,
            **given,
        }
        settings = Settings(_env_file=None, **values)
        agents = Agents(PROJECT_ROOT / "agents")
        return Intake(settings, db=self.db, agents=agents, bell=self.bell, publisher=Echoes())

    def receive(self, event: str, payload: dict[str, Any]) -> str:
        """Keep a Delivery as the web does."""
        place = {"id": self.hello.id, "full_name": self.hello.full_name}
        pull = payload.get("pull_request")
        if pull:
            pull["head"]["repo"] = pull["head"]["repo"] and {**place, **_elsewhere(pull)}
        body = payloads.encode({**payload, "repository": {**payloads.REPOSITORY, **place}})
        kind = "application/json"
        delivery = read_delivery(
            delivery_id=f"d-{next(self._numbers)}", event=event, content_type=kind, body=body
        )
        row = recorded(delivery, content_type=kind)
        self.db.write(deliveries.record, row, body)
        return row.id

    def deliver(self, event: str, payload: dict[str, Any], **given: Any) -> Recorded:
        """Keep a Delivery, read it, and return what became of it."""
        delivery_id = self.receive(event, payload)
        self.intake(**given).read(delivery_id)
        return self.row(delivery_id)

    def say(self, text: str, *, sender: dict[str, Any] | None = None, **given: Any) -> Recorded:
        """Let somebody comment on the issue."""
        said = self.hello.add_comment(1, text, sender or payloads.user())
        return self.deliver(
            "issue_comment", payloads.comment(text, sender=sender, number=said["id"]), **given
        )

    def row(self, delivery_id: str) -> Recorded:
        """Return what is known of a Delivery."""
        return self.db.read(deliveries.get, delivery_id)

    def reply(self, row: Recorded) -> KeptReply:
        """Return the Reply that a Delivery led to."""
        found = self.db.read(replies.of_delivery, row.id)
        assert found is not None
        return found

    def task(self, row: Recorded) -> Task:
        """Return the Task that a Delivery led to."""
        assert row.task_id is not None, row
        return self.db.read(tasks.get, row.task_id)

    def all_tasks(self) -> list[Task]:
        """Return every Task."""
        return self.db.read(tasks.page, limit=200).items


def _elsewhere(pull: dict[str, Any]) -> dict[str, Any]:
    return {"id": 5, "full_name": "eve/hello"} if pull.get("from_fork") else {}
