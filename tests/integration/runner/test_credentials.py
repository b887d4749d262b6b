"""What a CLI is given of credentials, which Tasks wait for one, and how they go on."""

import json
from collections.abc import Iterator
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import update

from app.clock import utcnow
from app.credentials import Contents
from app.credentials.waiting import Waiting
from app.credentials.watch import Watch
from app.db import credentials, rows
from app.domain.credential import CredentialState
from app.domain.reason import Reason
from app.domain.task import Hold, Task, TaskId, TaskState
from app.security.redact import MASK
from tests.fakes.scripted_cli import ScriptedCli, script
from tests.integration.runner.conftest import Bench
from tests.waiting import wait_until

KEY = "a-key-that-nobody-may-see-1234"
NAMED = 'cli = "claude"\nenv = ["PASSED", "ANTHROPIC_API_KEY"]\ncredentials = ["anthropic"]\n'
ENVIRONMENT = 'cli = "claude"\nenv = ["ANTHROPIC_API_KEY"]\n'
REFUSED = script({"result": {"is_error": True, "api_error_status": 401, "result": "Invalid API key"}}, exit=1)


class Bell:
    """Remembers who was rung for."""

    def __init__(self) -> None:
        self.rung: list[TaskId] = []

    def deliver(self, delivery_id: str) -> bool:  # noqa: ARG002 - a Bell's own
        """No Delivery comes here."""
        return False

    def ring(self, task_id: TaskId, *, countdown: float | None = None) -> bool:  # noqa: ARG002 - the protocol's
        """Remember it."""
        self.rung.append(task_id)
        return True


class Control:
    """What control does, by hand."""

    def __init__(self, bench: Bench) -> None:
        self.bell = Bell()
        self._bench = bench

    def look(self) -> list[TaskId]:
        """Look once; return who was rung for."""
        self.bell.rung.clear()
        bench = self._bench
        Watch(bench.db, bench.safe, Waiting(bench.db, self.bell, bench.publisher), None).look()
        return list(self.bell.rung)

    def hurry(self, name: str) -> None:
        """Let the time of the next try come."""
        past = utcnow() - timedelta(seconds=1)
        change = update(rows.credentials).where(rows.credentials.c.name == name).values(probe_at=past)
        self._bench.db.write(lambda c: c.execute(change))


@pytest.fixture
def control(bench: Bench) -> Control:
    """Looks when told to."""
    return Control(bench)


@pytest.fixture
def environment(sqlite_url: str, redis_url: str, tmp_path: Path, cli: ScriptedCli) -> Iterator[Bench]:
    """A worker with a key in its environment."""
    from tests.integration.runner.conftest import _bench

    for bench in _bench(sqlite_url, redis_url, tmp_path, cli):
        bench.passed["ANTHROPIC_API_KEY"] = "the-workers-own-key-abcdef"
        bench.agent("brain", ENVIRONMENT)
        bench.limit()
        yield bench


def given(bench: Bench, tmp_path: Path) -> dict[str, Any]:
    """Run a Task; return what its CLI was given."""
    path = tmp_path / "given.json"
    task = bench.run(script({"dump": str(path)}))
    assert task.state is TaskState.COMPLETED, task.detail
    content: dict[str, Any] = json.loads(path.read_text())
    return content


def claude_file(
    *, ends: datetime, access: str = "sk-access-0123456789", refresh: str = "sk-refresh-98765"
) -> str:
    """Return a `.credentials.json`."""
    pair = {"accessToken": access, "refreshToken": refresh, "expiresAt": int(ends.timestamp() * 1000)}
    return json.dumps({"claudeAiOauth": {**pair, "scopes": ["user:inference"], "subscriptionType": "max"}})


def row(bench: Bench, name: str = "anthropic") -> Any:
    """Return the Credential."""
    return bench.db.read(credentials.get, name)


def test_only_agents_that_name_it_get_it(bench: Bench, tmp_path: Path) -> None:
    """Named, it is in the CLI's environment and not in its arguments; another agent's CLI has none of it."""
    bench.safe.put(
        "anthropic", Contents.of_variables({"ANTHROPIC_API_KEY": KEY, "ANOTHER": "another-value-1"})
    )
    assert KEY not in json.dumps(given(bench, tmp_path))

    bench.agent("brain", NAMED)
    found = given(bench, tmp_path)

    assert (found["env"]["ANTHROPIC_API_KEY"], found["env"]["ANOTHER"]) == (KEY, "another-value-1")
    assert found["env"]["PASSED"] == "yes"
    assert KEY not in json.dumps([found["argv"], found["stdin"], found["cwd"]])


def test_what_is_named_is_what_it_signs_in_with(environment: Bench, tmp_path: Path) -> None:
    """The worker's own key would win in the CLI: it does not get it then."""
    environment.agent("brain", NAMED)
    content = claude_file(ends=utcnow() + timedelta(hours=5))
    environment.safe.put("anthropic", Contents.of_claude(content))

    found = given(environment, tmp_path)["env"]

    assert found["CLAUDE_CODE_OAUTH_TOKEN"] == "sk-access-0123456789"
    assert "ANTHROPIC_API_KEY" not in found


def test_the_refresh_token_never_reaches_a_cli(bench: Bench, tmp_path: Path) -> None:
    """Neither its environment nor its HOME: a CLI that used it would sign everybody else out."""
    bench.agent("brain", NAMED)
    bench.safe.put("anthropic", Contents.of_claude(claude_file(ends=utcnow() + timedelta(hours=5))))

    assert "sk-refresh" not in json.dumps(given(bench, tmp_path))
    found = [path for path in (tmp_path / "sessions").rglob("*") if path.is_file()]
    assert found
    assert not [path for path in found if b"sk-" in path.read_bytes() and path.name != "given.json"]


@pytest.mark.parametrize(
    "printed", ["sk-access-0123456789", "sk-refresh-98765", KEY, KEY[::-1], KEY.encode().hex()]
)
def test_what_any_agent_was_given_is_shown_for_none(bench: Bench, printed: str) -> None:
    """SEC-01, SEC-06: an agent that names nothing may come upon what another one left in a file."""
    bench.safe.put("key", Contents.of_variables({"SOME_KEY": KEY}))
    bench.safe.put("oauth", Contents.of_claude(claude_file(ends=utcnow() + timedelta(hours=5))))

    task = bench.run(script({"say": f"it is {printed}!"}, {"complain": printed}))

    assert printed.encode() not in bench.output(task)
    assert printed not in str(bench.events(task))
    assert MASK.encode() in bench.output(task)


def test_a_task_whose_credential_is_missing_waits_and_goes_on(bench: Bench, control: Control) -> None:
    """No CLI is started; the reason says what to do; stored, control lets it go."""
    bench.agent("brain", NAMED)

    task = bench.run(script({"say": "hello"}))

    assert (task.state, task.hold, task.attempt) == (TaskState.QUEUED, Hold.CREDENTIAL_EXPIRED, 0)
    assert task.reason is Reason.CREDENTIAL_MISSING
    assert "errand credentials set" in task.detail
    assert control.look() == []
    assert bench.cli.starts == []

    bench.safe.put("anthropic", Contents.of_variables({"ANTHROPIC_API_KEY": KEY}))
    assert control.look() == [task.id]
    bench.start(task).result(30)
    done = bench.task(task.id)
    assert (done.state, done.hold, done.reason, done.attempt) == (TaskState.COMPLETED, None, None, 1)


def test_an_expired_one_makes_its_tasks_wait(bench: Bench) -> None:
    """SEC-09: what has an end in the past is not tried."""
    bench.agent("brain", NAMED)
    bench.safe.put("anthropic", Contents.of_claude(claude_file(ends=utcnow() - timedelta(minutes=1))))

    task = bench.run(script({"say": "hello"}))

    assert (task.hold, task.reason) == (Hold.CREDENTIAL_EXPIRED, Reason.CREDENTIAL_EXPIRED)
    assert bench.cli.starts == []


def test_under_another_key_its_tasks_wait_and_all_else_runs(bench: Bench, control: Control) -> None:
    """SEC-07: unreadable, and said so; the old key beside the new one mends it."""
    bench.agent("brain", NAMED)
    bench.agent("other", 'cli = "claude"\n')
    bench.safe.put("anthropic", Contents.of_variables({"ANTHROPIC_API_KEY": KEY}))
    old, safe = bench.settings.fernet_keys()[0], bench.safe
    from pydantic import SecretStr

    bench.limit(fernet_keys_given=SecretStr(Fernet.generate_key().decode()))
    waiting, running = bench.run(script({"say": "a"})), bench.run(script({"say": "b"}), agent="other")

    assert (waiting.hold, waiting.reason) == (Hold.CREDENTIAL_EXPIRED, Reason.CREDENTIAL_UNREADABLE)
    assert "ERRAND_FERNET_KEYS" in waiting.detail
    assert running.state is TaskState.COMPLETED
    assert control.look() == []

    new = Fernet.generate_key().decode()
    bench.limit(fernet_keys_given=SecretStr(f"{new},{old}"))
    assert control.look() == [waiting.id]
    assert safe is not bench.safe
    bench.start(waiting).result(30)
    assert bench.task(waiting.id).state is TaskState.COMPLETED


def test_a_refused_one_starts_no_more_clis(bench: Bench, control: Control) -> None:
    """SEC-10: the Task that met it fails; nine wait with the reason; replaced, all of them run."""
    bench.agent("brain", NAMED)
    bench.safe.put("anthropic", Contents.of_variables({"ANTHROPIC_API_KEY": "wrong-" + KEY}))
    queued = [bench.queue(REFUSED if n == 0 else script({"say": f"{n}"})) for n in range(10)]

    for task in queued:
        bench.start(task).result(30)

    first, *others = (bench.task(task.id) for task in queued)
    assert (first.state, first.reason, first.attempt) == (TaskState.FAILED, Reason.CLI_AUTH, 1)
    assert {(t.state, t.hold, t.reason, t.attempt) for t in others} == {
        (TaskState.QUEUED, Hold.CREDENTIAL_EXPIRED, Reason.CREDENTIAL_REFUSED, 0)
    }
    assert "'anthropic'" in others[0].detail
    assert len(bench.cli.starts) == 1
    assert row(bench).state is CredentialState.REFUSED

    bench.safe.put("anthropic", Contents.of_variables({"ANTHROPIC_API_KEY": KEY}))
    assert control.look() == [task.id for task in others]
    _all(bench, others)
    assert {bench.task(task.id).state for task in others} == {TaskState.COMPLETED}
    assert len(bench.cli.starts) == 10


def test_at_once_no_more_start_than_may_run_at_once(environment: Bench) -> None:
    """SEC-10: ten at once find it out at most once each, then none starts."""
    queued = [environment.queue(REFUSED) for _ in range(10)]
    _all(environment, queued)
    started = len(environment.cli.starts)
    more = [environment.queue(REFUSED) for _ in range(10)]

    _all(environment, more)

    assert started <= 10
    assert len(environment.cli.starts) == started
    assert {environment.task(task.id).hold for task in more} == {Hold.CREDENTIAL_EXPIRED}


def _all(bench: Bench, waiting: list[Task]) -> None:
    started: list[Future[Any]] = [bench.start(task) for task in waiting]
    for one in started:
        one.result(60)


def test_the_workers_own_key_is_refused_too_and_told_from_another(environment: Bench) -> None:
    """Known by a mark of it: with another key nothing waits. The key is nowhere in the rows."""
    assert environment.run(REFUSED).reason is Reason.CLI_AUTH
    waiting = environment.run(script({"say": "a"}))
    assert (waiting.hold, waiting.reason) == (Hold.CREDENTIAL_EXPIRED, Reason.CREDENTIAL_REFUSED)

    [known] = environment.db.read(credentials.all_of)
    assert known.name.startswith("environment:claude:")
    assert "the-workers-own" not in str(known)

    environment.passed["ANTHROPIC_API_KEY"] = "another-key-of-the-worker"
    environment.limit()
    assert environment.run(script({"say": "b"})).state is TaskState.COMPLETED


def test_without_any_key_nothing_waits(bench: Bench) -> None:
    """There is no credential to wait for: each Task says that the CLI is not signed in."""
    assert bench.run(REFUSED).reason is Reason.CLI_AUTH
    assert bench.run(REFUSED).reason is Reason.CLI_AUTH


def test_one_task_tries_it_again_after_a_while(bench: Bench, control: Control) -> None:
    """In vain it goes back to wait, uncounted, and the next try is later; when it works, all go on."""
    bench.agent("brain", NAMED)
    bench.safe.put("anthropic", Contents.of_variables({"ANTHROPIC_API_KEY": KEY}))
    bench.run(REFUSED)
    bench.cli.by_default(REFUSED)
    waiting = [bench.run("do what the file says") for _ in range(3)]
    assert control.look() == []
    pauses = []

    for _ in range(2):
        pauses.append((row(bench).probe_at - utcnow()).total_seconds())
        control.hurry("anthropic")
        assert control.look() == [waiting[0].id]
        assert control.look() == []
        bench.start(waiting[1]).result(30)
        bench.start(waiting[0]).result(30)
        again = bench.task(waiting[0].id)
        assert (again.state, again.hold, again.failures) == (TaskState.QUEUED, Hold.CREDENTIAL_EXPIRED, 0)

    assert 10 < pauses[0] < 20
    assert 50 < pauses[1] <= 60
    assert len(bench.cli.starts) == 3
    bench.cli.by_default(script({"say": "it works"}))
    control.hurry("anthropic")
    control.look()
    bench.start(waiting[0]).result(30)
    assert row(bench).state is CredentialState.USABLE
    assert control.look() == [task.id for task in waiting[1:]]


def test_what_an_old_value_met_is_not_said_of_the_new_one(bench: Bench, tmp_path: Path) -> None:
    """Replaced while a CLI runs with the old one, which is refused then."""
    bench.agent("brain", NAMED)
    bench.safe.put("anthropic", Contents.of_variables({"ANTHROPIC_API_KEY": "old-" + KEY}))
    go = tmp_path / "go"
    refused = {"is_error": True, "api_error_status": 401, "result": "Invalid API key"}
    task = bench.queue(script({"say": "a"}, {"wait_for": str(go)}, {"result": refused}, exit=1))
    run = bench.start(task)
    wait_until(lambda: bench.running(task), 20)

    bench.safe.put("anthropic", Contents.of_variables({"ANTHROPIC_API_KEY": KEY}))
    go.touch()
    run.result(30)

    assert bench.task(task.id).reason is Reason.CLI_AUTH
    assert row(bench).state is CredentialState.USABLE


def test_a_waiting_task_can_be_cancelled(bench: Bench, control: Control) -> None:
    """It waits for nothing then."""
    from app.db import tasks

    bench.agent("brain", NAMED)
    task = bench.run(script({"say": "hello"}))

    cancelled = bench.db.write(tasks.cancel, task.id)

    assert (cancelled.state, cancelled.hold) == (TaskState.CANCELLED, None)
    bench.safe.put("anthropic", Contents.of_variables({"ANTHROPIC_API_KEY": KEY}))
    assert control.look() == []


@pytest.mark.parametrize(
    ("left", "said"),
    [
        (timedelta(days=8), None),
        (timedelta(days=6), "7d"),
        (timedelta(hours=23), "1d"),
        (timedelta(minutes=5), "1h"),
    ],
)
def test_an_end_that_comes_near_is_said_once(
    bench: Bench, control: Control, left: timedelta, said: str | None
) -> None:
    """SEC-09: 7 days, 1 day and 1 hour before, whichever is the nearest, once for a value."""
    bench.safe.put("anthropic", Contents.of_variables({"KEY": KEY}), expires_at=datetime.now(UTC) + left)
    noted: list[str | None] = []
    for _ in range(2):
        control.look()
        noted.append(row(bench).warned)

    assert noted == [said, said]
    bench.safe.put("anthropic", Contents.of_variables({"KEY": KEY}))
    assert row(bench).warned is None
