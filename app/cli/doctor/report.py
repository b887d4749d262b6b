"""Run every check and print what they found; a check that breaks is a finding too."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict

import orjson
from rich.console import Console
from rich.text import Text

from app.agents import load
from app.cli.doctor import agents, machine, service, stores
from app.cli.doctor.finding import Finding, Level, right, wrong
from app.cli.errors import COMPLETED, FAILED
from app.cli.sanitise import one_line
from app.cli.server import Server, find_server, read_settings
from app.errors import Invalid
from app.settings import InvalidSetting, Settings, inherited

_STYLES: dict[Level, str] = {"ok": "green", "wrong": "bold red", "note": "yellow"}
_WIDTH = 1000


def report(*, url: str | None, as_json: bool) -> int:
    """Print what is found, as it is found; return the exit status."""
    console = Console(highlight=False, soft_wrap=True)
    findings: list[Finding] = []
    for finding in examine(url, inherited()):
        findings.append(finding)
        if not as_json:
            _show(console, finding)
    mistakes = sum(finding.level == "wrong" for finding in findings)
    if as_json:
        content = {"ok": not mistakes, "findings": [asdict(finding) for finding in findings]}
        print(orjson.dumps(content, option=orjson.OPT_INDENT_2).decode())
    else:
        console.print("\nAll is well." if not mistakes else f"\nWrong: {mistakes}. Begin with the first one.")
    return FAILED if mistakes else COMPLETED


def examine(url: str | None, environ: Mapping[str, str]) -> Iterator[Finding]:
    """Yield what is found, in the order in which it is best mended."""
    try:
        settings = read_settings()
        _ = settings.database_url  # put together only when it is asked for: a mistake shows here
        server = find_server(settings, url=url)
    except InvalidSetting as error:
        yield wrong("settings", error.message, f"unset {error.name}   # or mend it in .env")
    except Invalid as error:
        yield wrong("settings", error.message, "unset ERRAND_URL ERRAND_PUBLIC_URL   # or mend --url")
    except ValueError:
        yield wrong("settings", "DATABASE_URL is not a URL such as postgres://...", "unset DATABASE_URL")
    else:
        yield right("settings", "They load.")
        yield from _installation(settings, server, environ)
    yield from _guarded("tools", lambda: machine.tools(environ))
    yield from _guarded("processes", machine.guarantees)


def _installation(settings: Settings, server: Server, environ: Mapping[str, str]) -> Iterator[Finding]:
    yield from _guarded("data", lambda: machine.data_dir(settings))
    yield from _guarded("disk", lambda: machine.disk(settings))
    yield from _guarded("database", lambda: stores.database(settings))
    yield from _guarded("redis", lambda: stores.broker(settings, service.missing(server)))
    yield from _guarded("server", lambda: service.web(server))
    yield from _guarded("worker", lambda: service.machines(stores.reporting(settings)))
    catalogue = load(settings.agents_dir)
    yield from _guarded("agents", lambda: agents.files(catalogue))
    yield from _guarded(
        "cli", lambda: agents.programs(catalogue.usable, environ, stores.reporting(settings) or [])
    )
    yield from _guarded(
        "sandbox",
        lambda: agents.levels(catalogue.usable, stores.reporting(settings) or [], settings.sandbox_floor),
    )
    yield from _guarded("key", lambda: agents.keys(catalogue.usable, environ))


def _guarded(name: str, check: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """Run one check; one that can't cope with what it finds must not keep the others from being run."""
    try:
        yield from check()
    except Exception as error:  # noqa: BLE001 - whatever is broken, the doctor goes on
        what = one_line(f"{type(error).__name__}: {error}", 300)
        yield wrong(name, f"This could not be looked at ({what}).", "errand doctor --json")


def _show(console: Console, finding: Finding) -> None:
    style = _STYLES[finding.level]
    head = Text(f"{finding.level:<6}", style=style)
    console.print(head.append(f"{finding.check:<11}", "bold").append(one_line(finding.text, _WIDTH), ""))
    if finding.fix is not None:
        console.print(Text(f"{'':<17}{one_line(finding.fix, _WIDTH)}", style="cyan"))
