"""`errand doctor` when all is well, and with one thing after the other broken."""

import json
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.conftest import Errand
from tests.fakes.scripted_cli import ScriptedCli
from tests.services import RedisServer, free_port

from .command import ERRAND, Terminal, call

_ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def well(server: Errand, cli: ScriptedCli) -> dict[str, str]:
    """An environment in which nothing is wrong."""
    return {
        **os.environ,
        "PATH": f"{cli.directory}{os.pathsep}{os.environ['PATH']}",
        "ERRAND_URL": server.url,
        "ERRAND_DATA_DIR": str(server.data),
        "ANTHROPIC_API_KEY": "a-key-that-nobody-prints",
    }


def _examine(env: Mapping[str, str]) -> tuple[int, list[dict[str, Any]]]:
    done = subprocess.run([ERRAND, "doctor", "--json"], capture_output=True, env=env, timeout=60, check=False)
    found = json.loads(done.stdout)
    assert done.returncode == (0 if found["ok"] else 1), done.stderr
    assert b"a-key-that-nobody-prints" not in done.stdout
    return done.returncode, found["findings"]


def _wrong(env: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    status, findings = _examine(env)
    found = {finding["check"]: finding for finding in findings if finding["level"] == "wrong"}
    assert status == bool(found)
    assert all(finding["fix"] for finding in found.values())
    return found


def _copied(server: Errand, folder: Path, change: str, *values: str) -> Path:
    """Return a data dir like the server's, with one statement's difference."""
    folder.mkdir()
    shutil.copy(server.data / "admin-token", folder)
    with (
        closing(sqlite3.connect(server.data / "errand.db")) as source,
        closing(sqlite3.connect(folder / "errand.db")) as target,
    ):
        source.backup(target)
        target.execute(change, values)
        target.commit()
    return folder


def test_where_all_is_well_the_status_is_0(well: dict[str, str]) -> None:
    """Every subject is looked at."""
    status, findings = _examine(well)

    assert status == 0, findings
    right = {finding["check"] for finding in findings if finding["level"] == "ok"}
    expected = {
        "settings",
        "data",
        "disk",
        "database",
        "redis",
        "server",
        "token",
        "worker",
        "control",
        "agents",
    }
    assert right >= expected | {"cli", "key"}
    assert any("2.1.330" in finding["text"] for finding in findings if finding["check"] == "cli")


def test_it_reads_well_at_a_terminal(server: Errand) -> None:
    """What is wrong is followed by what mends it."""
    with Terminal(server, "doctor", "--url", "http://127.0.0.1:1") as terminal:
        assert terminal.end() == 1

    assert "bin/up" in terminal.screen
    assert "Begin with the first one." in terminal.screen
    assert b"\x1b" not in call(server, "doctor").stdout


def test_a_setting_that_is_not_valid_is_named(well: dict[str, str]) -> None:
    """The rest is not guessed at."""
    for name, value in {"ERRAND_CONCURRENCY": "many", "DATABASE_URL": "nonsense"}.items():
        found = _wrong({**well, name: value})

        assert set(found) == {"settings"}
        assert name in found["settings"]["fix"]


def test_nothing_is_made_where_nothing_is(well: dict[str, str], tmp_path: Path) -> None:
    """No data dir, no database, no token: said, and left so."""
    found = _wrong({**well, "ERRAND_DATA_DIR": str(tmp_path / "data")})

    assert {"data", "database", "token"} <= set(found)
    assert found["data"]["fix"] == "bin/up"
    assert list(tmp_path.iterdir()) == []


def test_a_data_dir_that_can_not_be_is_told(well: dict[str, str], tmp_path: Path) -> None:
    """A file stands in its way."""
    (tmp_path / "file").touch()

    for path in ("file", "file/below"):
        assert "ERRAND_DATA_DIR" in _wrong({**well, "ERRAND_DATA_DIR": str(tmp_path / path)})["data"]["fix"]


def test_a_schema_that_does_not_fit_is_told(well: dict[str, str], server: Errand, tmp_path: Path) -> None:
    """Older: migrate. Newer: update."""
    for version, fix in {"0001": "python -m app.db.migrate", "from-the-future": "git pull"}.items():
        copy = _copied(server, tmp_path / version, "UPDATE alembic_version SET version_num = ?", version)

        assert _wrong({**well, "ERRAND_DATA_DIR": str(copy)})["database"]["fix"] == fix


def test_a_missing_worker_is_told(well: dict[str, str], server: Errand, tmp_path: Path) -> None:
    """And what does not happen without it."""
    copy = _copied(server, tmp_path / "copy", "DELETE FROM machines WHERE role = 'worker'")

    found = _wrong({**well, "ERRAND_DATA_DIR": str(copy)})

    assert set(found) == {"worker"}
    assert "no task runs" in found["worker"]["text"]


def test_a_database_that_does_not_answer_is_told(well: dict[str, str]) -> None:
    """By place, without its password."""
    url = f"postgres://errand:secret-of-the-database@127.0.0.1:{free_port()}/errand"
    found = _wrong({**well, "DATABASE_URL": url})

    assert found["database"]["fix"].startswith("pg_isready -h 127.0.0.1 ")
    assert "secret-of-the-database" not in json.dumps(found)


def test_a_redis_of_ones_own_is_asked(well: dict[str, str], own_redis: RedisServer) -> None:
    """With REDIS_URL set, it has to answer."""
    environment = {**well, "REDIS_URL": own_redis.url}
    assert _wrong(environment) == {}
    own_redis.stop()

    found = _wrong(environment)

    assert set(found) == {"redis"}
    assert own_redis.url.split("@")[0].split(":")[-1] not in found["redis"]["text"]


def test_a_server_that_is_not_there_is_told(well: dict[str, str]) -> None:
    """With the command that starts it."""
    found = _wrong({**well, "ERRAND_URL": f"http://127.0.0.1:{free_port()}"})

    assert set(found) == {"server"}
    assert found["server"]["fix"] == "bin/up"


def test_a_wrong_token_is_told(well: dict[str, str]) -> None:
    """With the variable to set."""
    found = _wrong({**well, "ERRAND_ADMIN_TOKEN": "wrong"})

    assert set(found) == {"token"}
    assert "ERRAND_ADMIN_TOKEN" in found["token"]["fix"]


def test_an_agent_that_is_not_valid_is_named_by_file_and_line(well: dict[str, str], tmp_path: Path) -> None:
    """The fix opens it there."""
    shutil.copytree(_ROOT / "agents", tmp_path / "agents")
    manifest = tmp_path / "agents" / "demo" / "agent.toml"
    manifest.write_text('description = "x"\ncli = "demo"\ntimeout = "soon"\n')

    found = _wrong({**well, "ERRAND_AGENTS_DIR": str(tmp_path / "agents")})

    assert set(found) == {"agents"}
    assert "agents/demo/agent.toml, line 3" in found["agents"]["text"]
    assert "+3 " in found["agents"]["fix"]


def test_a_cli_that_nobody_has_is_told(well: dict[str, str], tmp_path: Path) -> None:
    """With the agents that need it."""
    shutil.copytree(_ROOT / "agents", tmp_path / "agents")
    (tmp_path / "agents" / "other").mkdir()
    (tmp_path / "agents" / "other" / "agent.toml").write_text('description = "x"\ncli = "no-such-cli"\n')
    (tmp_path / "agents" / "other" / "CLAUDE.md").write_text("Do it.\n")

    found = _wrong({**well, "ERRAND_AGENTS_DIR": str(tmp_path / "agents")})

    assert set(found) == {"cli"}
    assert found["cli"]["text"].startswith("other can't run")


def test_a_missing_key_is_told_by_name(well: dict[str, str]) -> None:
    """With the agents that could use one."""
    del well["ANTHROPIC_API_KEY"]

    found = _wrong(well)

    assert set(found) == {"key"}
    assert "brain" in found["key"]["text"]
    assert found["key"]["fix"].startswith("export ANTHROPIC_API_KEY=")
