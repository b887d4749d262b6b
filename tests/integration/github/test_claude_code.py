"""The real Claude Code CLI, asked on GitHub: comment, clone, commit, branch, pull request, answer."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from app.domain.task import TaskState
from app.github.assignment import Assignments
from app.github.ours import Ours
from tests.fakes.committer import Committer
from tests.fakes.github import git_http
from tests.fakes.github.state import Repository
from tests.fakes.messages_api import MessagesApi, answer, tool
from tests.integration.github.desk import Desk
from tests.integration.github.workshop import Workshop, desk, level, place
from tests.integration.runner.test_claude_code import KEYS, claude

__all__ = ["claude", "desk", "place"]


@dataclass
class _Real(Committer):
    """The real CLI, where the scripted one would be."""

    directory: Path


@pytest.fixture
def api() -> Iterator[MessagesApi]:
    """The stand-in for the model."""
    with MessagesApi() as running:
        yield running


@pytest.fixture
def shop(desk: Desk, redis_url: str, place: Path, claude: Path, api: MessagesApi) -> Iterator[Workshop]:
    """A worker with the real CLI, which may use a shell."""
    made = Workshop(desk.db, redis_url, place / "data", _Real(claude.parent), agent_user="nobody")
    made.passed.update(api.env())
    made.limit(sandbox_floor=level())
    made.agent("brain", f'cli = "claude"\nenv = {json.dumps([*KEYS])}\nallowed_tools = ["Bash"]\n')
    ours = Ours(desk.access, desk.github.git_url)
    made.runner._source = Assignments(desk.db, ours, desk.mirrors, made.known)
    yield made
    made.close()
    made.publisher.close()
    desk.db.close()


def test_claude_code_mends_what_was_asked(
    shop: Workshop, desk: Desk, api: MessagesApi, hello: Repository
) -> None:
    """GH-01: with the words of who asked as the instruction, and no token in anything that the model gets."""
    api.script(
        [
            tool("Bash", command="echo Mended > README.md && git commit -qam 'Mend the wall'"),
            answer("I mended the wall."),
        ]
    )
    task = desk.ask("mend the wall")
    desk.look()
    shop.start(task).result(timeout=90)
    desk.look()

    done = shop.task(task.id)
    assert (done.state, done.result) == (TaskState.COMPLETED, "I mended the wall."), done.detail
    (number,) = [one for one in hello.pulls if one > 2]
    branch = hello.pulls[number]["head"]["ref"]
    assert git_http.git("show", f"{branch}:README.md", at=hello.path) == "Mended\n"
    assert len(desk.ours) == 1
    assert "I mended the wall." in desk.ours[0]
    assert f"opened #{number}" in desk.ours[0]
    sent = "\n".join(request.raw for request in api.requests)
    assert "mend the wall" in sent
    assert not [token for token in desk.github.tokens if token in sent]
