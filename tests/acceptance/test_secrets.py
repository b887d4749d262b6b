"""Secrets in everything real: an agent prints them in every form; nothing Errand shows or keeps has one."""

import base64
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import psutil
import pytest
import websocket
from cryptography.fernet import Fernet

from app.settings import PROJECT_ROOT
from tests.acceptance.conftest import Errand, Starter
from tests.fakes.scripted_cli import ScriptedCli, script
from tests.waiting import wait_until

STORED = 'stored-"key"-of-the-provider-пароль'
#: By its name a secret of the workers' environment; the CLI gets it too.
OWN = "environment-key/+of-the-worker=="
OAUTH = "sk-ant-oat01-an-access-token-0123456789"
REFRESH = "sk-ant-ort01-a-refresh-token-987654321"
WELL_KNOWN = "ghp_" + "Zz09" * 9

FORMS: dict[str, Callable[[str], str]] = {
    "as it is": lambda secret: secret,
    "JSON": json.dumps,
    "JSON in JSON": lambda secret: json.dumps(json.dumps(secret)),
    "URL": lambda secret: quote(secret, safe=""),
    "hex": lambda secret: secret.encode().hex(),
    "base64": lambda secret: base64.b64encode(secret.encode()).decode(),
    "base64 behind one": lambda secret: base64.b64encode(b"p" + secret.encode()).decode(),
    "reversed": lambda secret: secret[::-1],
}

AGENT = """
cli = "claude"
env = ["WORKER_API_KEY"]
credentials = ["stored", "oauth"]
"""


@pytest.fixture(scope="module")
def cli(tmp_path_factory: pytest.TempPathFactory) -> ScriptedCli:
    """The scripted `claude`."""
    return ScriptedCli(tmp_path_factory.mktemp("cli") / "bin")


@pytest.fixture(scope="module")
def errand(cli: ScriptedCli, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Errand]:
    """A bin/up whose agent names two credentials, which were stored by the command and over REST."""
    folder = tmp_path_factory.mktemp("secrets")
    agent = folder / "agents" / "brain"
    agent.mkdir(parents=True)
    (agent / "agent.toml").write_text(AGENT)
    (agent / "CLAUDE.md").write_text("Work.\n")
    starter = Starter(folder)
    env = {"WORKER_API_KEY": OWN, "ERRAND_AGENTS_DIR": str(agent.parent)}
    errand = starter(path=cli.directory, env=env)
    stored = command(errand, "credentials", "set", "stored", "--env", "STORED_KEY", stdin=STORED)
    assert (stored.returncode, stored.stderr) == (0, "")
    pair = {"accessToken": OAUTH, "refreshToken": REFRESH, "expiresAt": 1_900_000_000_000}
    with errand.client() as client:
        answer = client.put("/api/credentials/oauth", json={"claude": json.dumps({"claudeAiOauth": pair})})
        assert answer.status_code == 200, answer.text
    yield errand
    starter.stop_all()


def command(errand: Errand, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run the errand command against it."""
    environment = {**os.environ, "ERRAND_ADMIN_TOKEN": errand.token, "ERRAND_DATA_DIR": str(errand.data)}
    program = str(Path(sys.executable).with_name("errand"))
    return subprocess.run(
        [program, *arguments, "--url", errand.url],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        cwd=PROJECT_ROOT,
        timeout=60,
    )


def secrets_of(errand: Errand) -> list[str]:
    """Return all there is to keep."""
    key = (errand.data / "credentials-key").read_text()
    return [STORED, OWN, OAUTH, REFRESH, WELL_KNOWN, key, errand.token]


def ask(errand: Errand, *steps: dict[str, Any]) -> str:
    """Have an agent take these steps; return the Task's id."""
    with errand.client() as client:
        answer = client.post("/api/chat", json={"message": script(*steps)})
        task_id: str = answer.json()["task_id"]
        return task_id


def watched(errand: Errand, task_id: str) -> str:
    """Return the frames of a Viewer, joined, and the texts of all Events in them, joined."""
    address = errand.url.replace("http", "ws") + f"/ws/tasks/{task_id}?after=0"
    viewer = websocket.create_connection(
        address, header=[f"Authorization: Bearer {errand.token}"], timeout=60
    )
    frames: list[str] = []
    while '"type":"end"' not in (frame := viewer.recv()):
        frames.append(str(frame))
    viewer.close()
    told = [event for frame in frames for event in json.loads(frame).get("events", [])]
    shown = [event for event in told if event["kind"] != "status"]
    # What a person asked for is theirs and stays as it is.
    messages = [json.dumps(json.loads(frame)["task"]["message"]) for frame in frames if '"task"' in frame]
    joined = "".join(frames)
    for message in messages:
        joined = joined.replace(message[1:-1], "")
    return joined + "".join(event.get("text", "") for event in shown)


def shown(errand: Errand, task_id: str) -> str:
    """Return everything Errand shows of what the CLI printed."""
    with errand.client() as client:
        output = client.get(f"/api/tasks/{task_id}/output").text
        events = client.get(f"/api/tasks/{task_id}/events?limit=1000").json()["events"]
        result = str(client.get(f"/api/tasks/{task_id}").json()["result"])
    texts = "".join(event.get("text", "") for event in events)
    return (
        output
        + json.dumps(events, ensure_ascii=False)
        + texts
        + result
        + watched(errand, task_id)
        + logged(errand)
    )


def logged(errand: Errand) -> str:
    """Return what its processes logged: all but the address that is there to sign in with."""
    return errand.log.replace(f"#token={errand.token}", "")


def stored_bytes(errand: Errand) -> bytes:
    """Return every byte of the database's files."""
    return b"".join(path.read_bytes() for path in sorted(errand.data.glob("errand.db*")))


@pytest.mark.parametrize("form", FORMS)
def test_printed_in_any_form_it_is_shown_nowhere(errand: Errand, form: str, tmp_path: Path) -> None:
    """SEC-01, SEC-06: said, streamed, complained of, printed raw; rows, frames, output and logs hold none."""
    # Tokens that Errand does not hold are known by their make, not in other forms.
    known = [one for one in secrets_of(errand) if one != WELL_KNOWN or form == "as it is"]
    # Through a file, for what a person writes in a message stays there.
    written = [FORMS[form](secret) for secret in known]
    printed = tmp_path / "printed"
    printed.write_text("".join(f"it is {one} in full\n" for one in written))

    file = str(printed)
    hows = ({"through": {how: file}} for how in ("say", "spelt", "complain"))
    task_id = ask(errand, {"file": file}, *hows)
    everything = shown(errand, task_id)

    assert everything.count("***") >= 4 * len(written)
    assert [one for one in written if one in everything] == []
    assert everything.count("in full") >= 4 * len(written)


def test_byte_by_byte_it_is_never_seen(errand: Errand, tmp_path: Path) -> None:
    """SEC-02: one byte a write, each read by itself."""
    printed = tmp_path / "printed"
    printed.write_text("".join(f"{one}\n" for one in secrets_of(errand)[:5]))

    task_id = ask(errand, {"through": {"slowly": str(printed)}})
    everything = shown(errand, task_id)

    assert [one for one in secrets_of(errand) if one in everything] == []
    assert everything.count("***") >= 5


def test_no_page_and_no_answer_has_a_value(errand: Errand) -> None:
    """SEC-03: what admins see of credentials, settings, status and machines."""
    paths = ("/api/credentials", "/settings", "/api/status", "/api/machines", "/api/agents", "/")
    with errand.client() as client:
        answers = [client.get(path) for path in paths]
    listed = command(errand, "credentials", "list")
    doctor = command(errand, "doctor")

    assert {answer.status_code for answer in answers} == {200}
    assert (listed.returncode, "stored" in listed.stdout) == (0, True)
    everything = "".join(answer.text for answer in answers) + listed.stdout + listed.stderr + doctor.stdout
    assert [one for one in secrets_of(errand) if one in everything] == []


def test_no_argument_of_any_process_has_one(errand: Errand, cli: ScriptedCli, tmp_path: Path) -> None:
    """SEC-04: web, worker, control, Redis, supervisors, the CLI; while it runs, and while a key is stored."""
    go, dumped = tmp_path / "go", tmp_path / "dumped.json"
    task_id = ask(errand, {"dump": str(dumped)}, {"say": "running"}, {"wait_for": str(go)})
    wait_until(dumped.exists, 30)
    environment = {**os.environ, "ERRAND_ADMIN_TOKEN": errand.token, "ERRAND_DATA_DIR": str(errand.data)}
    storing = subprocess.Popen(
        [
            str(Path(sys.executable).with_name("errand")),
            *("credentials", "set", "other", "--env", "OTHER"),
            "--url",
            errand.url,
        ],
        stdin=subprocess.PIPE,
        env=environment,
        cwd=PROJECT_ROOT,
    )
    lines = ["\0".join(process.info["cmdline"] or ()) for process in psutil.process_iter(["cmdline"])]
    storing.communicate(b"another-value-that-is-secret")
    go.touch()
    watched(errand, task_id)

    assert any(str(cli.path) in line for line in lines)
    assert any("credentials" in line and "other" in line for line in lines)
    known = [*secrets_of(errand), "another-value-that-is-secret"]
    assert [one for one in known if any(one in line for line in lines)] == []
    given = json.loads(dumped.read_text())["env"]
    assert (given["STORED_KEY"], given["CLAUDE_CODE_OAUTH_TOKEN"]) == (STORED, OAUTH)
    assert REFRESH not in json.dumps(given)


def test_the_database_has_none(errand: Errand) -> None:
    """SEC-05: after all that was printed, no byte of its files is one, in any form; nor is the log."""
    everything = stored_bytes(errand)

    assert b"credentials" in everything
    forms = [form(secret).encode() for secret in secrets_of(errand) for form in FORMS.values()]
    assert [form for form in forms if form in everything] == []
    assert [one for one in secrets_of(errand) if one in logged(errand)] == []


def test_nothing_is_left_in_a_home(errand: Errand) -> None:
    """What a CLI was given is in no file of its Session but those it wrote itself."""
    files = [path for path in (errand.data / "sessions").rglob("*") if path.is_file()]

    assert files
    known = [one.encode() for one in (STORED, OAUTH, REFRESH)]
    assert [path for path in files for one in known if one in path.read_bytes()] == []


def test_started_with_another_key_all_but_its_tasks_goes_on(cli: ScriptedCli, start_errand: Starter) -> None:
    """SEC-07: up, the credential unreadable and said so, its task held; with the old key beside it, run."""
    old, new = (Fernet.generate_key().decode() for _ in range(2))
    errand = start_errand(path=cli.directory, env={"ERRAND_FERNET_KEYS": old})
    agents = errand.data / "agents"
    for name, toml in {
        "brain": 'cli = "claude"\n',
        "keyed": 'cli = "claude"\ncredentials = ["stored"]\n',
    }.items():
        (agents / name).mkdir(parents=True)
        (agents / name / "agent.toml").write_text(toml)
        (agents / name / "CLAUDE.md").write_text("Work.\n")
    with errand.client() as client:
        client.put("/api/credentials/stored", json={"variables": {"STORED_KEY": STORED}})
    errand.stop()

    env = {"ERRAND_AGENTS_DIR": str(agents)}
    errand = start_errand(path=cli.directory, env={**env, "ERRAND_FERNET_KEYS": new})
    with errand.client() as client:
        said = {"message": script({"say": "done"})}
        held, free = (client.post("/api/chat", json={**said, "agent": a}).json() for a in ("keyed", "brain"))
        wait_until(lambda: _task(client, held)["hold"] == "credential_expired", 30)
        wait_until(lambda: _task(client, free)["state"] == "completed", 30)
        assert _task(client, held)["reason"] == "credential_unreadable"
        assert client.get("/api/credentials").json()["items"][0]["state"] == "unreadable"
        assert any("ERRAND_FERNET_KEYS" in one for one in client.get("/api/status").json()["problems"])
    errand.stop()

    errand = start_errand(path=cli.directory, env={**env, "ERRAND_FERNET_KEYS": f"{new},{old}"})
    with errand.client() as client:
        wait_until(lambda: _task(client, held)["state"] == "completed", 30)


def _task(client: httpx.Client, accepted: dict[str, Any]) -> dict[str, Any]:
    task: dict[str, Any] = client.get(f"/api/tasks/{accepted['task_id']}").json()
    return task
