"""The `errand` command against a server that runs."""

import json
import signal
from pathlib import Path

import pytest

from tests.acceptance.conftest import Errand
from tests.fakes.scripted_cli import script
from tests.waiting import wait_until

from .command import Terminal, call, start


@pytest.fixture
def go(tmp_path: Path) -> Path:
    """Once there is this file, the CLI goes on."""
    return tmp_path / "go"


def _ask(*steps: dict[str, object], exit: int = 0) -> list[str]:  # noqa: A002 - as script's
    return ["run", script(*steps, exit=exit), "--agent", "brain"]


def _state(server: Errand, task_id: str) -> str:
    with server.client() as client:
        return str(client.get(f"/api/tasks/{task_id}").json()["state"])


def test_follow_shows_it_live_and_ends_with_the_outcome(server: Errand) -> None:
    """Completed is 0; in a pipe there is plain text and not one control character."""
    done = call(
        server,
        *_ask({"stream": "Hello \x1b]0;owned\x07\x1b[31mthere"}, {"tool": "Bash"}, {"complain": "\x1b[2Jhm"}),
        "--follow",
    )

    assert done.returncode == 0, done.stderr
    out = done.stdout.decode()
    assert "Hello there\n" in out
    assert "Bash(n: 1) → Bash was here\n" in out
    assert "stderr: hm\n" in out
    assert "completed in " in out.splitlines()[-1]
    assert "\x1b" not in out
    assert "\x07" not in out


def test_a_failure_is_status_1_with_the_reason(server: Errand) -> None:
    """The last line says what to do."""
    done = call(server, *_ask({"result": None}, exit=3), "--follow")

    assert done.returncode == 1
    assert "failed in " in done.stdout.decode()
    assert "exit_code: " in done.stdout.decode().splitlines()[-1]


def test_the_demonstration_shows_every_kind(server: Errand) -> None:
    """With colours at a terminal."""
    with Terminal(server, "run", "hello", "--agent", "demo", "--follow") as terminal:
        terminal.see("completed in ", 30)

        assert terminal.end() == 0

    for part in ("\x1b[2mthinking: ", "\x1b[36mBash", " ✗ ", "\x1b[31mstderr: ", "scripted demonstration"):
        assert part in terminal.screen, part


def test_without_follow_the_id_is_printed_and_serves_the_others(server: Errand, go: Path) -> None:
    """To tasks, cancel, logs and retry."""
    asked = call(server, *_ask({"say": "waiting"}, {"wait_for": str(go)}))
    task_id = asked.stdout.decode().strip()
    assert asked.returncode == 0
    wait_until(lambda: _state(server, task_id) == "running", 20)

    listed = call(server, "tasks", "--state", "running", "--limit", "1").stdout.decode()
    assert listed.splitlines()[1].split("\t")[:3] == [task_id, "running", "brain"]
    assert b"The task is running." in call(server, "logs", task_id).stderr

    follower = start(server, "logs", task_id, "--follow")
    assert call(server, "cancel", task_id).returncode == 0
    out, _ = follower.communicate(timeout=30)
    assert follower.returncode == 130
    assert b"cancelled in " in out

    go.touch()
    assert call(server, "retry", task_id).returncode == 0
    assert call(server, "logs", task_id, "--follow").returncode == 0
    late = call(server, "cancel", task_id)
    assert late.returncode == 2
    assert late.stderr.startswith(b"errand: ")
    # The same from storage, whole.
    assert call(server, "logs", task_id).stdout.decode().count("waiting\n") == 2


def test_raw_is_what_the_cli_printed_byte_for_byte(server: Errand) -> None:
    """Through a pipe; a terminal gets what can't harm it."""
    task_id = call(server, *_ask({"print": "{odd\x1b]0;x\x07\x1b[31m\n"})).stdout.decode().strip()
    wait_until(lambda: _state(server, task_id) == "completed", 20)
    with server.client() as client:
        expected = client.get(f"/api/tasks/{task_id}/output").content

    assert call(server, "logs", task_id, "--raw").stdout == expected
    assert b"{odd\x1b]0;x\x07" in expected
    with Terminal(server, "logs", task_id, "--raw") as terminal:
        assert terminal.end() == 0
    assert "{odd\x1b[31m" in terminal.screen
    assert "\x1b]" not in terminal.screen


def test_json_is_the_messages_of_the_websocket(server: Errand) -> None:
    """One a line, every event once, the task at the end."""
    done = call(server, *_ask({"texts": 500}), "--follow", "--json")

    lines = [json.loads(line) for line in done.stdout.splitlines()]
    events = [event for line in lines if line["type"] == "events" for event in line["events"]]
    assert done.returncode == 0
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert lines[-1]["type"] == "end"
    assert lines[-1]["task"]["state"] == "completed"


def test_the_prompt_may_come_from_standard_input(server: Errand) -> None:
    """And go on with a conversation."""
    first = json.loads(call(server, "run", "-", "--agent", "brain", "--json", stdin=b"say it").stdout)
    done = call(
        server, "run", "-", "--session", first["session_id"], "--follow", stdin="\n  ünïcode".encode()
    )

    assert done.returncode == 0
    assert "ünïcode" in done.stdout.decode()


def test_a_web_process_that_dies_is_not_noticed_in_what_is_shown(server: Errand, go: Path) -> None:
    """The follower comes back with its last seq: each line once."""
    follower = start(server, *_ask({"texts": 300}, {"wait_for": str(go)}, {"texts": 300}), "--follow")
    stdout = follower.stdout
    assert stdout is not None
    shown = b""
    while b"text 300\n" not in shown:
        shown += stdout.readline()
    web = server.named("wsgi:app")
    for process in web:
        process.kill()
    wait_until(lambda: not any(process.is_running() for process in web), 10)
    go.touch()

    rest, complaints = follower.communicate(timeout=40)

    words = [line for line in (shown + rest).decode().splitlines() if line.startswith("text ")]
    assert follower.returncode == 0, complaints
    assert words == [f"text {n}" for n in range(1, 301)] * 2
    assert b"The connection is lost" in complaints
    assert b"Connected again" in complaints


@pytest.mark.parametrize(
    ("answers", "status", "state"),
    [("c\r", 130, "cancelled"), ("d\r", 3, "running"), ("what\rd\r", 3, "running")],
)
def test_ctrl_c_asks_what_to_do(server: Errand, go: Path, answers: str, status: int, state: str) -> None:
    """Cancel ends the task, detach leaves it alone."""
    with Terminal(server, *_ask({"say": "waiting"}, {"wait_for": str(go)}), "--follow") as terminal:
        task_id = terminal.see(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
        terminal.see("waiting")
        terminal.press("\x03")
        terminal.see(r"\[c/d\] ")
        terminal.press(answers)

        assert terminal.end() == status

    assert _state(server, task_id) == state
    go.touch()
    if state == "running":
        assert f"errand logs {task_id} --follow" in terminal.screen
        wait_until(lambda: _state(server, task_id) == "completed", 20)


def test_the_second_ctrl_c_detaches(server: Errand, go: Path) -> None:
    """Who presses it twice wants to get out."""
    with Terminal(server, *_ask({"say": "waiting"}, {"wait_for": str(go)}), "--follow") as terminal:
        terminal.see("waiting")
        terminal.press("\x03")
        terminal.see(r"\[c/d\] ")
        terminal.press("\x03")

        assert terminal.end() == 3
    assert "Detached; the task goes on." in terminal.screen
    go.touch()


def test_without_a_terminal_sigint_detaches(server: Errand, go: Path) -> None:
    """And says how to go on."""
    follower = start(server, *_ask({"say": "waiting"}, {"wait_for": str(go)}), "--follow")
    stdout = follower.stdout
    assert stdout is not None
    while stdout.readline() != b"waiting\n":
        pass
    follower.send_signal(signal.SIGINT)

    _, complaints = follower.communicate(timeout=20)

    assert follower.returncode == 3
    assert b"errand cancel " in complaints
    go.touch()


def test_agents_are_listed(server: Errand) -> None:
    """By name, as a table at a terminal."""
    lines = call(server, "agents").stdout.decode().splitlines()
    assert lines[0].split("\t")[0] == "AGENT"
    assert "brain\tready\tclaude" in "\n".join(lines)
    with Terminal(server, "agents") as terminal:
        assert terminal.end() == 0
    assert "demo" in terminal.screen
    assert "\t" not in terminal.screen


def test_what_goes_wrong_is_one_sentence_and_status_2(server: Errand, tmp_path: Path) -> None:
    """Each says what to do."""
    unknown = "00000000-0000-4000-8000-000000000000"
    cases: list[tuple[list[str], dict[str, str], str]] = [
        (["tasks"], {"ERRAND_URL": "http://127.0.0.1:1"}, "bin/up"),
        (["run", "x"], {"ERRAND_ADMIN_TOKEN": "wrong"}, "ERRAND_ADMIN_TOKEN"),
        (["tasks"], {"ERRAND_DATA_DIR": str(tmp_path)}, "ERRAND_DATA_DIR"),
        (["tasks"], {"ERRAND_CONCURRENCY": "many"}, "ERRAND_CONCURRENCY"),
        (["tasks"], {"ERRAND_URL": "ftp://x"}, "not the address of a server"),
        (["logs", unknown, "--follow"], {}, "There is no task"),
        (["logs", unknown], {}, "There is no task"),
        (["logs", unknown, "--raw"], {}, "There is no task"),
        (["logs", "nonsense"], {}, "UUID"),
        (["run", "x", "--agent", "../x"], {}, "name of an agent"),
        (["run", " "], {}, "empty"),
        (["run", "x", "--session", "nonsense"], {}, "no such session"),
    ]
    for arguments, env, said in cases:
        done = call(server, *arguments, env=env)

        complaint = done.stderr.decode()
        assert done.returncode == 2, (arguments, complaint)
        assert said in complaint, arguments
        assert "Traceback" not in complaint
    assert not (tmp_path / "admin-token").exists()


def test_a_reader_that_goes_is_no_traceback(server: Errand) -> None:
    """As in `errand logs ID | head -1`."""
    follower = start(server, *_ask({"texts": 5000}), "--follow")
    assert follower.stdout is not None
    follower.stdout.readline()
    follower.stdout.close()

    assert follower.wait(30) == 141
    assert follower.stderr is not None
    assert b"Traceback" not in follower.stderr.read()
    follower.stderr.close()
