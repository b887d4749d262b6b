"""What the page and the API say of the sandbox."""

from app.clock import utcnow
from app.db import machines, tasks
from app.db.engine import Database
from app.db.tasks import NewTask
from app.domain.machine import FoundCli, Machine
from app.web.schemas import MachineList, TaskOut
from tests.integration.web.conftest import AppMaker, signed_in


def test_a_lowered_floor_is_a_banner(make_app: AppMaker, database: Database, redis_url: str) -> None:
    """It is there until the setting is taken back."""
    for floor, said in ((1, True), (2, False)):
        client = signed_in(make_app(database, redis_url, sandbox_floor=floor))
        problems = client.get("/api/status").get_json()["problems"]

        assert any(f"ERRAND_SANDBOX_FLOOR is {floor}" in problem for problem in problems) is said


def test_a_machine_tells_the_level_of_each_cli(
    make_app: AppMaker, database: Database, redis_url: str
) -> None:
    """And why it is not a higher one."""
    found = FoundCli(path="/bin/demo", sandbox="level-1", sandbox_note="level 2 is not available: no bwrap")
    now = utcnow()
    machine = Machine(id="m", name="m", capacity=1, clis={"demo": found}, started_at=now, seen_at=now)
    database.write(machines.report, machine)

    answer = signed_in(make_app(database, redis_url)).get("/api/machines").get_json()

    MachineList.model_validate(answer)
    shown = answer["items"][0]["clis"]["demo"]
    assert (shown["sandbox"], shown["sandbox_note"]) == (found.sandbox, found.sandbox_note)


def test_a_task_tells_whose_text_it_is(make_app: AppMaker, database: Database, redis_url: str) -> None:
    """Level, stranger's text and trusted workspace are fields of every Task."""
    new = NewTask("hello", agent="brain", cli="claude", max_attempts=1, from_outside=True)
    task = database.write(tasks.create, new)

    shown = signed_in(make_app(database, redis_url)).get(f"/api/tasks/{task.id}").get_json()

    TaskOut.model_validate(shown)
    assert (shown["sandbox"], shown["from_outside"], shown["workspace_trusted"]) == ("none", True, False)
