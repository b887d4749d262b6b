"""From a bare Python to a .venv that holds the lock, and what is said where that can't be."""

import ast
import importlib.util
import os
from pathlib import Path
from types import ModuleType

import pytest

from .conftest import ROOT, Checkout

_LOCKS = ("requirements.lock", "requirements-dev.lock", "requirements-uv.lock")


def _one_sentence(text: str) -> bool:
    return len(text.strip().splitlines()) == 1 and text.strip().endswith(".") and "Traceback" not in text


def test_a_bare_checkout_installs_itself_and_goes_on_in_the_same_process(checkout: Checkout) -> None:
    """The first call says what it does and ends up inside .venv under the pid it was started with."""
    process = checkout.start()
    out, err = process.communicate(timeout=100)

    assert process.returncode == 0, err
    assert out.split() == [str(process.pid), str(checkout.venv), str(checkout.root / "small" / "__init__.py")]
    assert "Making .venv" in err
    assert "Installing" in err


def test_a_second_call_installs_nothing_and_a_new_lock_is_noticed(checkout: Checkout) -> None:
    """Nothing is touched while the lock stands; a changed lock is installed."""
    assert checkout.run().returncode == 0

    again = checkout.run()
    assert again.returncode == 0
    assert again.stderr == ""

    lock = checkout.root / "requirements.lock"
    lock.write_text(lock.read_text() + "\n# another\n")
    assert "Installing" in checkout.run().stderr


def test_two_at_once_wait_for_one_another(checkout: Checkout) -> None:
    """Of two first calls one installs, the other waits and says so, and both go on."""
    both = [checkout.start(), checkout.start()]
    ended = [(process.communicate(timeout=100), process.returncode) for process in both]

    assert [code for _, code in ended] == [0, 0]
    said = "".join(err for (_, err), _ in ended)
    assert said.count("Making .venv") == 1
    assert said.count("waiting for it") == 1


def test_an_interrupted_installation_is_made_whole(checkout: Checkout) -> None:
    """A .venv without its stamp is not trusted."""
    (checkout.venv / "bin").mkdir(parents=True)
    (checkout.venv / "bin" / "python").write_text("half")

    assert checkout.run().returncode == 0


def test_without_uv_pip_does_it(checkout: Checkout) -> None:
    """A machine for which there is no uv gets the same packages, from the same lock."""
    (checkout.root / "requirements-uv.lock").write_text("no-such-uv==0 --hash=sha256:" + "0" * 64 + "\n")

    done = checkout.run(env={**os.environ, "PIP_RETRIES": "0"})

    assert done.returncode == 0, done.stderr
    assert "pip takes a little longer" in done.stderr


def test_a_wrong_hash_is_refused(checkout: Checkout) -> None:
    """Nothing is installed that is not what was locked."""
    lock = checkout.root / "requirements.lock"
    lines = [
        line.split(":")[0] + ":" + "0" * 64 + (" \\" if line.endswith("\\") else "")
        if "--hash" in line
        else line
        for line in lock.read_text().splitlines()
    ]
    lock.write_text("\n".join(lines) + "\n")

    done = checkout.run()

    assert done.returncode != 0
    assert "could not be installed" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_old_python_is_told_so(checkout: Checkout) -> None:
    """One sentence with what to do, and not a syntax error."""
    done = checkout.run(before="sys.version_info = (3, 8, 18, 'final', 0)")

    assert done.returncode != 0
    assert "needs Python 3.11 or newer and this is Python 3.8" in done.stderr
    assert _one_sentence(done.stderr)


@pytest.mark.parametrize("program", ["bootstrap.py", "up", "test"])
def test_an_old_python_can_read_the_commands(program: str) -> None:
    """Python 3.8 parses them, or it could not be told that it is too old."""
    ast.parse((ROOT / "bin" / program).read_text(), feature_version=(3, 8))


def test_a_python_without_venv_is_told_what_to_install(checkout: Checkout) -> None:
    """Debian's Python comes without it; the sentence names the package."""
    done = checkout.run(before="sys.modules['ensurepip'] = None")

    assert done.returncode != 0
    assert "apt install python3" in done.stderr
    assert _one_sentence(done.stderr)


def test_a_folder_that_can_not_be_written_is_named(checkout: Checkout) -> None:
    """One sentence instead of a traceback."""
    (checkout.root / ".venv.lock").mkdir()

    done = checkout.run()

    assert done.returncode != 0
    assert str(checkout.root) in done.stderr
    assert _one_sentence(done.stderr)


def test_a_full_disk_is_said(checkout: Checkout) -> None:
    """The command ends with a sentence, and half a .venv is not trusted afterwards."""
    done = checkout.run(before="import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))")

    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert done.stderr.strip().splitlines()[-1].startswith("bin/enter: ")
    assert checkout.run().returncode == 0


@pytest.mark.parametrize("lock", _LOCKS)
def test_the_locks_hash_everything_and_name_no_registry(lock: str) -> None:
    """The user's own settings say where packages come from."""
    text = (ROOT / lock).read_text()
    entries = [line for line in text.splitlines() if line and line[0].isalnum()]

    assert "://" not in text
    assert "index-url" not in text
    assert entries
    assert all(line.endswith("\\") for line in entries), "an entry without a hash"


def test_uv_is_told_what_pip_was_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment wins over [install], that over [global]; what uv was told itself stands."""
    config = tmp_path / "pip.conf"
    config.write_text(
        "[global]\nindex-url = https://global.example/simple\ntimeout = 9\n"
        "[install]\nextra-index-url = https://one.example/s\n    https://two.example/s\n"
        "trusted-host = a.example\n"
    )
    for name in [name for name in os.environ if name.startswith(("PIP_", "UV_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", str(config))
    monkeypatch.setenv("PIP_INDEX_URL", "https://mine.example/simple")
    monkeypatch.setenv("UV_HTTP_TIMEOUT", "77")

    environment = _bootstrap().uv_environment()

    assert environment["UV_DEFAULT_INDEX"] == "https://mine.example/simple"
    assert environment["UV_INDEX"].startswith("https://one.example/s https://two.example/s")
    assert environment["UV_INDEX_STRATEGY"] == "unsafe-best-match"
    assert environment["UV_INSECURE_HOST"] == "a.example"
    assert environment["UV_HTTP_TIMEOUT"] == "77"


def _bootstrap() -> ModuleType:
    spec = importlib.util.spec_from_file_location("bootstrap", ROOT / "bin" / "bootstrap.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
