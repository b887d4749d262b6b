"""`errand credentials` against a server that runs."""

import json

import pytest

from tests.acceptance.conftest import Errand

from .command import Terminal, call

VALUE = "a-value-that-is-printed-nowhere-wxyz"


def test_from_storing_to_removing(server: Errand) -> None:
    """The value comes by standard input; lists, for people and for programs, are without it."""
    stored = call(
        server, "credentials", "set", "openai", "--env", "OPENAI_API_KEY", stdin=f"{VALUE}\n".encode()
    )
    listed = call(server, "credentials", "list")
    programs = call(server, "credentials", "list", "--json")
    rotated = call(server, "credentials", "rotate")
    refused = call(server, "credentials", "retry", "openai")
    removed = call(server, "credentials", "remove", "openai")
    again = call(server, "credentials", "remove", "openai")

    done = (stored, listed, programs, rotated, refused, removed, again)
    assert [one.returncode for one in done] == [0, 0, 0, 0, 2, 0, 2], [one.stderr for one in done]
    assert b'credentials = ["openai"]' in stored.stdout
    assert b"OPENAI_API_KEY" in listed.stdout
    [one] = json.loads(programs.stdout)
    assert (one["name"], one["state"], one["last4"]) == ("openai", "usable", "wxyz")
    assert b"openai" in rotated.stdout
    assert b"was not refused" in refused.stderr
    assert b"no credential 'openai'" in again.stderr
    assert not [one for one in done if VALUE.encode() in one.stdout + one.stderr]


def test_a_sign_in_comes_from_its_file(server: Errand, tmp_path_factory: pytest.TempPathFactory) -> None:
    """With its end; a file that is none is refused with a sentence."""
    file = tmp_path_factory.mktemp("claude") / ".credentials.json"
    pair = {"accessToken": VALUE, "refreshToken": "r" * 20, "expiresAt": 1_900_000_000_000}
    file.write_text(json.dumps({"claudeAiOauth": pair}))

    stored = call(server, "credentials", "set", "claude", "--claude-file", str(file))
    file.write_text("{}")
    refused = call(server, "credentials", "set", "claude", "--claude-file", str(file))
    missing = call(server, "credentials", "set", "claude", "--claude-file", str(file.with_name("none")))
    [one] = json.loads(call(server, "credentials", "list", "--json").stdout)
    call(server, "credentials", "remove", "claude")

    assert (stored.returncode, refused.returncode, missing.returncode) == (0, 2, 2)
    assert b"claudeAiOauth" in refused.stderr
    assert b"cannot be read" in missing.stderr
    assert (one["kind"], one["expires_at"]) == ("claude_oauth", "2030-03-17T17:46:40.000000Z")


def test_at_a_terminal_it_asks_and_shows_nothing(server: Errand) -> None:
    """What is typed is not echoed."""
    with Terminal(server, "credentials", "set", "typed", "--env", "SOME_KEY") as terminal:
        terminal.see("SOME_KEY: ")
        terminal.press(f"{VALUE}\r")
        terminal.see("Stored typed")
        shown = terminal.screen
    call(server, "credentials", "remove", "typed")

    assert VALUE not in shown


def test_either_a_variable_or_a_file(server: Errand) -> None:
    """Neither and both are wrong usage."""
    assert call(server, "credentials", "set", "a").returncode == 2
    both = call(server, "credentials", "set", "a", "--env", "A", "--claude-file", "b")
    assert both.returncode == 2
