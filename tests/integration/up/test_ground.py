"""What has to hold before bin/up starts anything."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from app.cli.up.ground import DataDir, claim_port
from app.errors import Conflict, Unavailable
from tests.waiting import wait_until


def test_the_page_that_leads_to_errand_is_ours_alone(tmp_path: Path) -> None:
    """Its address holds the token."""
    with DataDir(tmp_path) as data_dir:
        page = data_dir.signpost("http://127.0.0.1:1/#token=a&b")
        again = data_dir.signpost("http://127.0.0.1:2/#token=c")
    assert page == again
    assert page.stat().st_mode & 0o777 == 0o600
    assert "url=http://127.0.0.1:2/#token=c" in page.read_text()


def test_a_data_dir_is_held_by_one(tmp_path: Path) -> None:
    """The second is refused with the first one's process id, and may come when that one is gone."""
    refused = pytest.raises(Conflict, match=rf"in use by another bin/up \(process {os.getpid()}\)")
    with DataDir(tmp_path / "data"), refused, DataDir(tmp_path / "data"):
        pass

    with DataDir(tmp_path / "data"):
        pass


def test_two_data_dirs_are_held_by_two(tmp_path: Path) -> None:
    """Two of one checkout live side by side."""
    with DataDir(tmp_path / "one"), DataDir(tmp_path / "two"):
        assert (tmp_path / "two" / "up.lock").exists()


def test_a_data_dir_that_can_not_be_made_is_named(tmp_path: Path) -> None:
    """One sentence names the folder and the option."""
    (tmp_path / "file").write_text("")

    with (
        pytest.raises(Unavailable, match=r"Can't write to .*file/data .*--data"),
        DataDir(tmp_path / "file" / "data"),
    ):
        pass


def test_the_next_one_waits_for_what_a_killed_one_left(tmp_path: Path) -> None:
    """Two Redis servers never write to one folder: what was noted has to end first."""
    left = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1)"])
    (tmp_path / "up.lock").write_text(
        json.dumps({"pid": 1, "children": [[left.pid, psutil.Process(left.pid).create_time()]]})
    )

    with DataDir(tmp_path):
        assert psutil.Process(left.pid).status() == psutil.STATUS_ZOMBIE
    left.wait()


def test_another_process_with_the_number_of_one_that_ended_is_not_waited_for(tmp_path: Path) -> None:
    """A pid alone names nobody for long."""
    (tmp_path / "up.lock").write_text(json.dumps({"pid": 1, "children": [[os.getpid(), 12.5]]}))

    with DataDir(tmp_path):
        pass


def test_what_was_started_is_noted(tmp_path: Path) -> None:
    """The file names who holds the folder and what he started, and nobody who has ended."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    with DataDir(tmp_path) as data_dir:
        data_dir.note([os.getpid(), ended.pid])
        noted = json.loads((tmp_path / "up.lock").read_text())

    assert noted["pid"] == os.getpid()
    assert [pid for pid, _ in noted["children"]] == [os.getpid()]


def test_rubbish_in_the_lock_file_does_no_harm(tmp_path: Path) -> None:
    """A file that was cut off by a full disk is like none."""
    (tmp_path / "up.lock").write_text('{"pid"')

    with DataDir(tmp_path):
        wait_until(lambda: json.loads((tmp_path / "up.lock").read_text())["pid"] == os.getpid())


def test_a_taken_port_is_refused() -> None:
    """One sentence names the port and the option."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

        with pytest.raises(Conflict, match=rf"Port {port} is taken: .*--port"):
            claim_port(port)


def test_a_port_taken_on_all_addresses_is_refused() -> None:
    """It makes no difference how the other one listens."""
    with socket.create_server(("0.0.0.0", 0)) as listener, pytest.raises(Conflict):
        claim_port(listener.getsockname()[1])


def test_an_impossible_port_is_refused() -> None:
    """There are 65535."""
    with pytest.raises(Conflict, match="no port 70000"):
        claim_port(70000)


def test_any_port_is_a_free_one() -> None:
    """0 asks for whatever is free."""
    port = claim_port(0)

    with socket.create_server(("127.0.0.1", port)):
        pass
