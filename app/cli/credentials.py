"""`errand credentials`: store, list, remove, rotate, retry. A value comes by stdin, never as an argument."""

import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click
import orjson

from app.cli import tables
from app.cli.client import Client
from app.cli.errors import COMPLETED, FAILED
from app.cli.server import find_server, read_settings

_url = click.option(
    "--url", metavar="URL", help="The server (ERRAND_URL; ERRAND_PUBLIC_URL; this machine's PORT)."
)
_name = click.argument("name", metavar="NAME")

_STYLES = {"usable": "green", "refused": "bold red", "expired": "bold red", "unreadable": "bold red"}


@click.group()
def credentials() -> None:
    """Keep keys for CLIs, encrypted; agents name them in agent.toml."""


@credentials.command(name="set")
@_name
@click.option("--env", "variable", metavar="VARIABLE", help="The variable to set, such as ANTHROPIC_API_KEY.")
@click.option(
    "--claude-file", type=click.Path(path_type=Path), help="A signed-in Claude Code's .credentials.json."
)
@click.option("--expires", metavar="TIME", help="When the value ends, as ISO 8601.")
@_url
def set_(
    *, name: str, variable: str | None, claude_file: Path | None, expires: str | None, url: str | None
) -> int:
    """Store NAME: the value is asked for, or read from standard input."""
    if (variable is None) == (claude_file is None):
        raise click.UsageError("Give either --env VARIABLE or --claude-file FILE.")
    body: dict[str, Any] = {"expires_at": expires}
    if claude_file is not None:
        body["claude"] = _content(claude_file)
    else:
        body["variables"] = {variable: _value(str(variable))}
    with _client(url) as client:
        kept = client.put(_path(name), body)
    print(f'Stored {kept["name"]} ({kept["state"]}). Agents get it that name it: credentials = ["{name}"]')
    return COMPLETED


@credentials.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
@_url
def list_(*, as_json: bool, url: str | None) -> int:
    """List what is stored, without the values."""
    with _client(url) as client:
        found = client.get("/api/credentials")["items"]
    if as_json:
        print(orjson.dumps(found, option=orjson.OPT_INDENT_2).decode(), flush=True)
        return COMPLETED
    rows = [
        [
            (one["name"], "bold"),
            (one["state"], _STYLES.get(one["state"], "")),
            (", ".join(one["variables"]), ""),
            (f"…{one['last4']}" if one["last4"] else "", "dim"),
            (one["expires_at"] or "", ""),
            (str(one["waiting"] or ""), ""),
        ]
        for one in found
    ]
    tables.show(("CREDENTIAL", "STATE", "SETS", "ENDS IN", "EXPIRES", "WAITING"), rows)
    for one in found:
        if one["detail"]:
            print(f"{one['name']}: {one['detail']}", file=sys.stderr)
    return COMPLETED


@credentials.command()
@_name
@_url
def remove(*, name: str, url: str | None) -> int:
    """Forget NAME."""
    with _client(url) as client:
        client.delete(_path(name))
    print(f"Removed {name}.")
    return COMPLETED


@credentials.command()
@_name
@_url
def retry(*, name: str, url: str | None) -> int:
    """Let NAME, which was refused, be used again: the tasks that wait for it go on."""
    with _client(url) as client:
        released = client.post(f"{_path(name)}/retry")["released"]
    print(f"Tasks that go on: {released}.")
    return COMPLETED


@credentials.command()
@_url
def rotate(*, url: str | None) -> int:
    """Encrypt all again under the newest of the server's keys (ERRAND_FERNET_KEYS)."""
    with _client(url) as client:
        told = client.post("/api/credentials/rotate")
    print(f"Under the newest key: {', '.join(told['rotated']) or 'none'}.")
    if not told["unreadable"]:
        return COMPLETED
    print(f"Not readable with any of its keys: {', '.join(told['unreadable'])}.", file=sys.stderr)
    return FAILED


def _client(url: str | None) -> Client:
    return Client(find_server(read_settings(), url=url))


def _path(name: str) -> str:
    return f"/api/credentials/{quote(name, safe='')}"


def _value(variable: str) -> str:
    if sys.stdin.isatty():
        return str(click.prompt(variable, hide_input=True, err=True))
    try:
        return sys.stdin.buffer.read().decode().strip()
    except UnicodeDecodeError:
        raise click.UsageError("The value is not UTF-8 text.") from None


def _content(path: Path) -> str:
    try:
        return sys.stdin.read() if str(path) == "-" else path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise click.UsageError(f"{path} cannot be read ({type(error).__name__}).") from None
