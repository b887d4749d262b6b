"""`errand github`: what to set at GitHub, and whether it is set."""

from typing import Any

import click
import orjson

from app.cli import tables
from app.cli.client import Client
from app.cli.errors import COMPLETED, FAILED
from app.cli.server import find_server, read_settings

_NOT_ASKED = "Nothing is missing. What the token may do, and where webhooks go, GitHub tells an App only."
_url = click.option(
    "--url", metavar="URL", help="The server (ERRAND_URL; ERRAND_PUBLIC_URL; this machine's PORT)."
)


@click.group()
def github() -> None:
    """Set Errand up on GitHub."""


@github.command()
@_url
def setup(*, url: str | None) -> int:
    """Say what to set at GitHub and here, step by step."""
    found = _found(url)
    permissions = ", ".join(f"{name}: {level}" for name, level in found["permissions"].items())
    print(
        "1. Make a GitHub App (Settings, Developer settings, GitHub Apps, New), and install it where it is "
        "to listen.\n"
        f"2. Webhook URL: {_address(found)}\n"
        "   Content type of a webhook without an App: application/json.\n"
        "3. Webhook secret: make one (openssl rand -hex 32), and give Errand the same: "
        "GITHUB_WEBHOOK_SECRET.\n"
        f"4. Repository permissions: {permissions}\n"
        f"5. Events: {', '.join(found['events'])}\n"
        "6. Generate a private key; give Errand GITHUB_APP_ID and GITHUB_APP_PRIVATE_KEY, and restart it.\n"
        "   Without an App: a token with these permissions, of an account that nobody writes with, in\n"
        "   GITHUB_TOKEN, and a webhook in the settings of each repository.\n"
        "7. errand github check"
    )
    return COMPLETED


@github.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
@_url
def check(*, as_json: bool, url: str | None) -> int:
    """Ask GitHub whether all of it is set; the status is 1 where something is missing."""
    found = _found(url)
    if as_json:
        print(orjson.dumps(found, option=orjson.OPT_INDENT_2).decode())
    else:
        _tell(found)
    return FAILED if found["problems"] else COMPLETED


def _tell(found: dict[str, Any]) -> None:
    unknown = "nobody" if found["access"] == "none" else "whom GitHub did not say"
    print(f"Errand speaks to GitHub as: {found['account'] or unknown} ({found['access']})")
    for problem in found["problems"]:
        print(f"- {problem}")
    if not found["problems"]:
        print("Nothing is missing." if found["access"] == "app" else _NOT_ASKED)
    rows = [
        [
            (one["delivered_at"], ""),
            (".".join(filter(None, (one["event"], one["action"]))), "bold"),
            (f"{one['status_code']} {one['status']}", "" if one["status_code"] < 400 else "bold red"),
        ]
        for one in found["sent"]
    ]
    if rows:
        tables.show(("SENT", "EVENT", "ANSWER"), rows)


def _address(found: dict[str, Any]) -> str:
    url: str = found["webhook_url"]
    return url if url.startswith("http") else f"https://YOUR-ADDRESS{url} (set ERRAND_PUBLIC_URL)"


def _found(url: str | None) -> dict[str, Any]:
    with Client(find_server(read_settings(), url=url)) as client:
        found: dict[str, Any] = client.get("/api/github")
    return found
