"""From a signed comment to the finished answer, by the Procfile's processes, killed on the way."""

from collections.abc import Iterator

import psutil
import pytest

from tests.fakes.github.deliveries import SECRET
from tests.waiting import wait_until

from .town import COMMIT, Town, running

#: What would be there twice, had GitHub done it and nobody written that down. The other steps, the moment
#: before, and each process by itself has `python -m tests.acceptance.github.kills`: too long for every day,
#: which has each step of a keeper that ends there in tests/integration/github/test_keeper.py.
STEPS = ("push", "pull")


@pytest.fixture
def town() -> Iterator[Town]:
    """Everything running."""
    with running() as made:
        yield made


def test_from_the_signed_comment_to_the_finished_answer(town: Town) -> None:
    """GH-01, RUN-09: and no token, key or secret is in a file, an argument or a log."""
    town.cli.does(COMMIT)
    seen: set[str] = set()

    def watched() -> bool:
        for process in psutil.process_iter(["cmdline"]):
            seen.update(process.info["cmdline"] or [])
        return town.finished()

    assert town.mention() == 202
    wait_until(watched, 60, interval=0.02, message="the answer is finished")
    town.assert_one_of_each()

    secrets = [*town.github.tokens, *town.github.app_key.splitlines()[1:-1], SECRET]
    paths = [path for path in town.folder.rglob("*") if path.is_file() and not path.is_symlink()]
    said = [path for path in paths if "github" not in path.relative_to(town.folder).parts]
    texts = {str(path): path.read_bytes().decode("latin-1") for path in said}
    texts |= {"arguments": "\n".join(seen), "comments": "\n".join(town.ours)}
    found = {name for name, text in texts.items() if any(secret in text for secret in secrets)}
    assert found == set()


@pytest.mark.timeout(180)
@pytest.mark.parametrize("step", STEPS)
def test_killed_at_a_step_there_is_one_of_each(town: Town, step: str) -> None:
    """GH-07: every process and Redis, when GitHub did it and nobody knows."""
    town.reach(step, after=True)
    for name in ("control", "worker", "redis", "web"):
        town.kill(name)

    town.assert_one_of_each()


@pytest.mark.timeout(180)
def test_worker_that_is_killed_while_its_agent_works(town: Town) -> None:
    """The next attempt goes on, and there is one answer."""
    town.cli.does(f"if [ -e ../home/second ]; then {COMMIT}; else touch ../home/second; sleep 60; fi")
    assert town.mention() == 202
    sessions = town.folder / "data" / "sessions"
    wait_until(lambda: list(sessions.glob("*/*/second")), 60, message="the agent works")

    town.kill("worker")

    town.assert_one_of_each()
