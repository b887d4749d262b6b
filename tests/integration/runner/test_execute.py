"""A claimed Task's whole way: started, followed, stored, ended, for everything a CLI may do."""

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import psutil
import pytest
from pydantic import SecretStr

from app.db import leases, sessions, tasks
from app.domain.reason import Reason
from app.domain.task import AttemptState, TaskState
from tests.fakes.scripted_cli import script
from tests.integration.runner.conftest import Bench
from tests.waiting import wait_until


def test_an_answer_is_stored_whole(either_bench: Bench) -> None:
    """State, result, cost, tokens and every byte, on both databases."""
    task = either_bench.run(script({"spend": 0.25}, {"stream": "one two three"}, {"tool": "Bash"}))

    assert (task.state, task.result, task.cost_usd) == (TaskState.COMPLETED, "done", Decimal("0.25"))
    assert (task.tokens.input, task.tokens.output) == (10, 5)
    events = either_bench.events(task)
    assert [event["seq"] for event in events] == list(range(1, task.last_seq + 1))
    assert "".join(event["text"] for event in events if event["kind"] == "text") == "one two three"
    assert [event["kind"] for event in events][-2:] == ["result", "status"]
    lines = either_bench.output(task).splitlines()
    assert json.loads(lines[-1])["type"] == "result"


def test_a_follow_up_resumes_and_costs_add_up(bench: Bench) -> None:
    """The CLI's figure is cumulative; a Task has its own part and the Session the exact sum."""
    first = bench.run(script({"result": {"total_cost_usd": 0.1}}))
    second = bench.run(script({"result": {"total_cost_usd": 0.3}}), first.session_id)
    third = bench.run(script({"result": {"total_cost_usd": 0.37}}), first.session_id)

    one, two, three = bench.cli.starts
    assert "--resume" not in one["argv"]
    assert one["session"] == two["session"] == three["session"]
    assert [first.cost_usd, second.cost_usd, third.cost_usd] == [
        Decimal("0.1"),
        Decimal("0.2"),
        Decimal("0.07"),
    ]
    assert bench.db.read(sessions.get, first.session_id).cost_usd == Decimal("0.37")


def test_a_lost_conversation_begins_anew_and_says_so(bench: Bench) -> None:
    """--resume of what is not there any more costs the memory, not the Task."""
    first = bench.run(script())
    home = bench.settings.data_dir / "sessions" / first.session_id / "home"
    for transcript in (home / ".claude" / "projects" / "scripted").iterdir():
        transcript.unlink()
    second = bench.run(script({"say": "here"}), first.session_id)

    assert second.state is TaskState.COMPLETED
    assert "resume_failed" in [event.get("code") for event in bench.events(second)]


def test_whatever_is_printed_is_kept_byte_for_byte(bench: Bench, tmp_path: Path) -> None:
    """Bad UTF-8, NUL, half lines, two objects on a line, CR: nothing breaks and the output is identical."""
    dice = random.Random(7)
    junk = b"".join(
        dice.choice(
            [b"\xff\xfe", b"\x00", b'{"type":', b'{"a":1}{"b":2}\n', b"p 1%\rp 2%\n", b"\n", "жé😀".encode()]
        )
        for _ in range(20_000)
    )
    (tmp_path / "junk").write_bytes(junk)
    task = bench.run(script({"file": str(tmp_path / "junk")}, {"result": None}, quiet=True))

    assert (task.state, task.attention) == (TaskState.COMPLETED, Reason.NO_RESULT)
    assert bench.output(task) == junk
    assert [event["seq"] for event in bench.events(task)] == list(range(1, task.last_seq + 1))


def test_a_line_of_fifty_megabytes_needs_no_memory(bench: Bench) -> None:
    """It arrives in pieces, all of it, and the process does not grow by its size."""
    before = psutil.Process().memory_info().rss
    task = bench.run(script({"huge": 50_000_000}))
    assert task.state is TaskState.COMPLETED
    assert psutil.Process().memory_info().rss - before < 60_000_000
    assert sum(len(event["text"]) for event in bench.events(task) if event["kind"] == "raw") == 50_000_000


def test_a_flood_of_stderr_does_not_block(bench: Bench) -> None:
    """Twenty megabytes of complaints while stdout is silent, then the answer."""
    task = bench.run(script({"stderr": 20_000_000}, {"say": "still here"}))
    assert task.state is TaskState.COMPLETED
    assert sum(len(e["text"]) + 1 for e in bench.events(task) if e["kind"] == "stderr") == 20_000_000


@dataclass(frozen=True)
class End:
    """A way to end, and what is to be seen of it."""

    message: str
    state: TaskState
    attempt: AttemptState
    reason: Reason | None
    settings: dict[str, float] = field(default_factory=dict)


ENDS = {
    "error result, exit 0": End(
        script({"result": {"is_error": True, "result": "no"}}),
        TaskState.FAILED,
        AttemptState.FAILED,
        Reason.CLI_ERROR,
    ),
    "exit 3": End(script(exit=3), TaskState.FAILED, AttemptState.FAILED, Reason.EXIT_CODE),
    "killed": End(script({"kill": 9}), TaskState.FAILED, AttemptState.FAILED, Reason.SIGNAL),
    "too slow": End(
        script({"wait": 60}), TaskState.FAILED, AttemptState.TIMED_OUT, Reason.TIMEOUT, {"task_timeout": 0.5}
    ),
    "silent": End(
        script({"ignore": ["SIGTERM"]}, {"say": "x"}, {"wait": 60}),
        TaskState.FAILED,
        AttemptState.TIMED_OUT,
        Reason.IDLE_TIMEOUT,
        {"idle_timeout": 0.5},
    ),
    "too much": End(
        script({"lines": 1_000_000}),
        TaskState.FAILED,
        AttemptState.FAILED,
        Reason.OUTPUT_LIMIT,
        {"output_limit": 10**6},
    ),
    "too many": End(
        script({"lines": 1_000_000}),
        TaskState.FAILED,
        AttemptState.FAILED,
        Reason.OUTPUT_LIMIT,
        {"event_limit": 10_000},
    ),
}


@pytest.mark.parametrize("name", ENDS)
def test_every_end_has_a_reason_and_a_sentence(bench: Bench, name: str) -> None:
    """However it went, the row says why and what to do, and the slot is free for the next."""
    end = ENDS[name]
    bench.limit(**end.settings)
    task = bench.run(end.message)
    (attempt,) = bench.db.read(tasks.attempts_of, task.id)
    assert (task.state, task.reason, attempt.state) == (end.state, end.reason, end.attempt)
    assert task.detail.endswith(".")
    assert bench.keeper.running == 0
    assert [event["seq"] for event in bench.events(task)] == list(range(1, task.last_seq + 1))


def test_output_over_the_limit_is_kept_up_to_it(bench: Bench) -> None:
    """What came before is stored, and no more."""
    bench.limit(output_limit=100_000)
    task = bench.run(script({"lines": 100_000}, quiet=True))
    assert len(bench.output(task)) == 100_000


def test_events_over_the_limit_end_the_run(bench: Bench) -> None:
    """A flood of short lines is few bytes and many rows: it ends near the limit, which is named."""
    bench.limit(event_limit=10_000)
    task = bench.run(script({"lines": 1_000_000}))
    assert 10_000 < task.last_seq < 50_000
    assert "10,000 events (ERRAND_EVENT_LIMIT)" in task.detail


def test_an_overloaded_provider_is_tried_again_later(bench: Bench) -> None:
    """Back to the queue with a time, counted, and final after the last try."""
    busy = script(
        {"result": {"is_error": True, "api_error_status": 529, "result": "API Error: 529 overloaded"}}, exit=1
    )
    task = bench.queue(busy, max_attempts=2)
    finished = bench.start(task).result(timeout=30)
    assert finished is not None
    assert finished.again_in is not None
    assert (finished.task.state, finished.task.reason) == (TaskState.QUEUED, Reason.OVERLOADED)
    assert finished.task.not_before is not None
    assert bench.start(task).result(timeout=30) is None


def _replace_by_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


UNUSABLE: dict[str, tuple[Callable[[Bench], object], Reason]] = {
    "missing": (lambda bench: bench.cli.path.unlink(), Reason.CLI_MISSING),
    "not executable": (lambda bench: bench.cli.path.chmod(0o644), Reason.CLI_NOT_EXECUTABLE),
    "a folder": (lambda bench: _replace_by_folder(bench.cli.path), Reason.CLI_MISSING),
    "unknown version": (lambda bench: bench.cli.answers_version("banana\n"), Reason.CLI_VERSION),
    "agent broken": (lambda bench: bench.agent("brain", "cli = 3"), Reason.AGENT_INVALID),
    "workspace a file": (
        lambda bench: (bench.settings.data_dir / "sessions").write_text("x"),
        Reason.WORKSPACE_UNUSABLE,
    ),
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_what_cannot_be_started_says_why_at_once(bench: Bench, name: str) -> None:
    """No retry storm, no stuck slot, the CLI not started."""
    spoil, reason = UNUSABLE[name]
    spoil(bench)
    task = bench.run(script())
    assert (task.state, task.reason) == (TaskState.FAILED, reason)
    assert task.detail.endswith(".")
    assert bench.cli.starts == []
    assert bench.keeper.running == 0


def test_cancel_ends_the_whole_tree(bench: Bench) -> None:
    """A CLI that ignores SIGTERM, its child, its session and its daemon: all gone, the Task cancelled."""
    forks = [{"fork": how} for how in ("child", "session", "daemon")]
    task = bench.queue(script({"ignore": ["SIGTERM"]}, *forks, {"say": "here"}, {"wait": 300}))
    run = bench.start(task)
    wait_until(lambda: len(bench.cli.children) == 3 and bench.running(task))
    bench.db.write(tasks.cancel, task.id)
    run.result(timeout=10)
    pids = [line["pid"] for line in bench.cli.starts + bench.cli.children]
    wait_until(lambda: not any(psutil.pid_exists(pid) for pid in pids), 10)
    assert (bench.task(task.id).state, bench.task(task.id).reason) == (TaskState.CANCELLED, Reason.CANCELLED)


def test_a_shutdown_gives_the_task_back_and_the_next_worker_resumes(bench: Bench, tmp_path: Path) -> None:
    """Interrupted, not counted, and continued in the CLI's own session."""
    go = tmp_path / "go"
    task = bench.queue(script({"say": "begun"}, {"wait_for": str(go)}, {"say": "ended"}))
    run = bench.start(task)
    wait_until(lambda: bench.running(task))
    bench.grace = 0
    bench.keeper.interrupt()
    run.result(timeout=10)
    back = bench.task(task.id)
    assert (back.state, back.failures) == (TaskState.QUEUED, 0)

    bench.grace, bench.keeper.closing = 60, False
    go.touch()
    bench.start(task).result(timeout=10)
    assert bench.task(task.id).state is TaskState.COMPLETED
    states = [attempt.state for attempt in bench.db.read(tasks.attempts_of, task.id)]
    assert states == [AttemptState.INTERRUPTED, AttemptState.SUCCEEDED]


@pytest.mark.parametrize("told", ["before", "after"])
def test_a_signal_to_all_processes_interrupts(bench: Bench, told: str) -> None:
    """A platform that stops a worker may signal its CLIs as well, a moment earlier even: no failure."""
    task = bench.queue(script({"say": "begun"}, {"wait": 60}))
    run = bench.start(task)
    wait_until(lambda: bench.running(task))
    if told == "before":
        bench.keeper.interrupt()
    psutil.Process(bench.cli.starts[0]["pid"]).terminate()
    if told == "after":
        wait_until(lambda: not psutil.pid_exists(bench.cli.starts[0]["pid"]), 15)
        bench.keeper.interrupt()
    run.result(timeout=10)

    back = bench.task(task.id)
    assert (back.state, back.reason, back.failures) == (TaskState.QUEUED, Reason.INTERRUPTED, 0)


def test_a_signal_to_the_cli_alone_is_a_failure(bench: Bench) -> None:
    """Nobody stops this worker."""
    task = bench.run(script({"kill": 15}))
    assert (task.state, task.reason) == (TaskState.FAILED, Reason.SIGNAL)


def test_a_cancel_during_a_shutdown_is_obeyed_at_once(bench: Bench) -> None:
    """The grace is for work that somebody still wants."""
    task = bench.queue(script({"say": "begun"}, {"wait": 60}))
    run = bench.start(task)
    wait_until(lambda: bench.running(task))
    bench.keeper.interrupt()
    bench.db.write(tasks.cancel, task.id)
    run.result(timeout=15)

    assert (bench.task(task.id).state, bench.task(task.id).failures) == (TaskState.CANCELLED, 0)


@pytest.mark.parametrize("how", ["silent", "shut down"])
def test_a_good_answer_stands_though_its_cli_lingers(bench: Bench, how: str) -> None:
    """It is neither failed nor asked again, and says that something was cut short."""
    task = bench.queue(script({"result": {"result": "42"}}, {"wait": 60}))
    if how == "silent":
        bench.limit(idle_timeout=0.5)
    run = bench.start(task)
    wait_until(lambda: any(event["kind"] == "result" for event in bench.events(task)))
    if how == "shut down":
        bench.grace = 0
        bench.keeper.interrupt()
    run.result(timeout=10)

    done = bench.task(task.id)
    assert (done.state, done.attention, done.result) == (TaskState.COMPLETED, Reason.CUT_SHORT, "42")


@pytest.mark.no_cover
@pytest.mark.parametrize("printed", [b"\n" * 300_000, b"{}" * 1_000_000 + b"\n"], ids=["lines", "objects"])
def test_what_makes_many_events_costs_little_memory(bench: Bench, tmp_path: Path, printed: bytes) -> None:
    """Megabytes of the least a CLI can print: stored, in the time and memory of any other megabytes."""
    (tmp_path / "printed").write_bytes(printed)
    before = psutil.Process().memory_info().rss
    task = bench.run(script({"file": str(tmp_path / "printed")}, quiet=True))

    assert task.state is TaskState.COMPLETED
    assert psutil.Process().memory_info().rss - before < 80_000_000
    assert bench.output(task).startswith(printed)


def test_a_task_that_was_taken_is_killed_and_not_written_to(bench: Bench) -> None:
    """After a rescue by others the first worker's CLI ends and its words are refused."""
    task = bench.queue(script({"say": "mine"}, {"wait": 300}))
    run = bench.start(task)
    wait_until(lambda: bench.running(task))
    (row,) = bench.db.read(leases.running)
    rescued = bench.db.write(leases.rescue, task.id, attempt=1, counter=row[2])
    assert rescued is not None
    assert run.result(timeout=15) is None
    wait_until(lambda: not psutil.pid_exists(bench.cli.starts[0]["pid"]), 10)
    assert bench.task(task.id).last_seq == rescued.last_seq


def test_the_prompt_is_neither_flag_nor_command_nor_environment(bench: Bench, tmp_path: Path) -> None:
    """It comes on stdin behind a line of ours; of the worker's environment only what is allowed."""
    for hostile in ("--version", "-p", "/cost", "$(touch pwned)", "@/etc/passwd", "--"):
        bench.cli.by_default(script({"dump": str(tmp_path / "given")}))
        bench.run(hostile)
        given = json.loads((tmp_path / "given").read_text())
        first, _, rest = given["stdin"].partition("\n")
        assert first
        assert not first.startswith(("-", "/", "@", "!", "#"))
        assert hostile in rest
        assert not any(hostile == argument for argument in given["argv"] if hostile not in {"-p", "--"})
        assert given["env"]["PASSED"] == "yes"
        assert "DATABASE_URL" not in given["env"]
        assert given["env"]["HOME"].startswith(str(bench.settings.data_dir))


@pytest.mark.parametrize("how", ["whole", "byte by byte", "streamed in pieces"])
def test_a_secret_that_is_printed_reaches_no_row(bench: Bench, how: str) -> None:
    """SEC-01, SEC-02: what the CLI was given and what is Errand's own, on both streams."""
    own, given = "a-token-of-errands-own", "sk-given-to-the-agent-1234"
    bench.passed["PASSED_KEY"] = given
    bench.limit(admin_token_given=SecretStr(own))
    bench.agent("brain", 'cli = "claude"\nenv = ["PASSED", "PASSED_KEY"]\n')
    both = f"first {own} then {given} and on"
    steps: dict[str, list[dict[str, object]]] = {
        "whole": [{"say": both}, {"complain": both}],
        "byte by byte": [{"slowly": f"{both}\n"}, {"complain": own}],
        "streamed in pieces": [{"spelt": both}],
    }

    task = bench.run(script(*steps[how]))

    assert task.state is TaskState.COMPLETED
    stored = json.dumps([bench.events(task), task.result]) + bench.output(task).decode()
    assert own not in stored
    assert given not in stored
    assert "first *** then *** and on" in "".join(str(event.get("text", "")) for event in bench.events(task))


def test_a_session_runs_one_task_at_a_time_whoever_asks(bench: Bench) -> None:
    """Eight doorbells for four Tasks of one Session: run in order, never side by side."""
    first = bench.queue(script({"say": "0"}))
    following = [bench.queue(script({"say": str(n)}), first.session_id) for n in (1, 2, 3)]
    pending = [first, *following]
    while pending:
        runs = [bench.start(task) for task in pending * 2]
        for run in runs:
            run.result(timeout=30)
        pending = [task for task in pending if not bench.task(task.id).state.final]
    spans = list(zip(bench.cli.starts, bench.cli.ends, strict=True))
    assert all(end["at"] <= start["at"] for (_, end), (start, _) in pairwise(spans))
    assert len(spans) == 4
