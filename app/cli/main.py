"""The `errand` command: hand over work, watch it, stop it, look at what is there and at what is wrong."""

import os
import sys
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

import click
import orjson

import app
from app.cli import tables
from app.cli.client import Client
from app.cli.credentials import credentials
from app.cli.errors import CANCELLED, COMPLETED, NOT_DONE, PIPE_CLOSED
from app.cli.follow import ask_at_terminal, follow
from app.cli.github import github
from app.cli.sanitise import Sanitiser
from app.cli.server import find_server, read_settings
from app.cli.views import JsonView, TextView, shows_colours
from app.clock import utcnow
from app.domain.task import TaskState
from app.errors import ErrandError, Invalid

_Command = Callable[..., Any]


class _ReaderGone(Exception):
    """Nobody reads what we print any more."""


class _Errand(click.Group):
    def invoke(self, ctx: click.Context) -> Any:
        """Keep click from ending a pipe's end in its own way."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            raise _ReaderGone from error


def _with_server(command: _Command) -> _Command:
    return click.option(
        "--url", metavar="URL", help="The server (ERRAND_URL; ERRAND_PUBLIC_URL; this machine's PORT)."
    )(command)


def _with_json(command: _Command) -> _Command:
    return click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")(command)


_task_id = click.argument("task_id", metavar="ID", type=click.UUID)


@click.group(cls=_Errand, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(app.__version__, prog_name="errand")
def errand() -> None:
    """Hand work to coding agents, and see what comes back.

    Works against a server that runs: bin/up starts one here.
    """


@errand.command()
@click.argument("prompt")
@click.option("--agent", metavar="NAME", help="Who does it; `errand agents` lists them.")
@click.option("--session", "session_id", metavar="ID", help="Go on with this conversation.")
@click.option("--follow", "follows", is_flag=True, help="Show it live; the status is the task's outcome.")
@_with_json
@_with_server
def run(
    *, prompt: str, agent: str | None, session_id: str | None, follows: bool, as_json: bool, url: str | None
) -> int:
    """Ask an agent for something; PROMPT is the text, or - to read it from standard input."""
    with _client(url) as client:
        accepted = client.chat(_message(prompt), agent=agent, session_id=session_id)
        task_id = accepted["task_id"]
        if follows:
            _hint(f"Task {task_id} · session {accepted['session_id']}")
            return _follow(client, task_id, as_json=as_json)
        if as_json:
            _print_json(accepted)
        else:
            print(task_id, flush=True)
            _hint(f"Accepted. Follow it: errand logs {task_id} --follow")
    return COMPLETED


@errand.command()
@_task_id
@click.option("--follow", "follows", is_flag=True, help="Stay until it ends; the exit status is its outcome.")
@click.option("--raw", is_flag=True, help="What the CLI wrote to stdout, byte for byte.")
@_with_json
@_with_server
def logs(*, task_id: UUID, follows: bool, raw: bool, as_json: bool, url: str | None) -> int:
    """Show what a task printed."""
    if raw and (follows or as_json):
        raise click.UsageError("--raw shows what is stored by now; it goes with neither --follow nor --json.")
    with _client(url) as client:
        if raw:
            _print_raw(client, str(task_id))
            return COMPLETED
        task = client.task(str(task_id))
        if follows:
            return _follow(client, str(task_id), as_json=as_json)
        view = JsonView() if as_json else TextView()
        for events in client.events(str(task_id)):
            view.message({"type": "events", "task_id": str(task_id), "events": events})
        if TaskState(task["state"]).final:
            view.end(client.task(str(task_id)))
        else:
            view.aside(f"The task is {task['state']}. Follow it: errand logs {task_id} --follow")
    return COMPLETED


@errand.command()
@_task_id
@_with_server
def cancel(*, task_id: UUID, url: str | None) -> int:
    """Stop a task."""
    with _client(url) as client:
        task = client.cancel(str(task_id))
    print(f"The task is {task['state']}." if TaskState(task["state"]).final else "The task is being stopped.")
    return COMPLETED


@errand.command()
@_task_id
@_with_server
def retry(*, task_id: UUID, url: str | None) -> int:
    """Run a task that has ended again; its earlier output stays."""
    with _client(url) as client:
        task = client.retry(str(task_id))
    print(f"The task is {task['state']}.", flush=True)
    _hint(f"Follow it: errand logs {task_id} --follow")
    return COMPLETED


@errand.command()
@click.option("--state", type=click.Choice([state.value for state in TaskState]), help="Only these.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help="How many.")
@_with_json
@_with_server
def tasks(*, state: str | None, limit: int, as_json: bool, url: str | None) -> int:
    """List tasks, newest first."""
    with _client(url) as client:
        found = client.tasks(state=state, limit=limit)
    if as_json:
        _print_json(found)
    elif found or not sys.stdout.isatty():
        columns = ("TASK", "STATE", "AGENT", "AGE", "TOOK", "COST", "MESSAGE")
        tables.show(columns, tables.tasks(found, utcnow()))
    else:
        _hint("There are no tasks" + (f" that are {state}." if state else '. Make one: errand run "..."'))
    return COMPLETED


@errand.command()
@_with_json
@_with_server
def agents(*, as_json: bool, url: str | None) -> int:
    """List the agents, and what is wrong with them."""
    with _client(url) as client:
        found = client.agents()
    if as_json:
        _print_json(found)
        return COMPLETED
    tables.show(("AGENT", "STATE", "CLI", "DESCRIPTION"), tables.agents(found["items"]))
    sys.stdout.flush()
    for problem in found["problems"]:
        if problem["level"] == "warning":
            _hint(f"warning: {tables.where(problem)}")
    return COMPLETED


@errand.command()
def link() -> int:
    """Print a fresh link that signs you in once, as admin; works on the machine that has the database."""
    # As for doctor.
    from app.cli.link import fresh_link  # noqa: PLC0415

    settings = read_settings()
    if settings.auth == "none":
        raise Invalid("There is no sign-in here (ERRAND_AUTH=none): just open the page.")
    print(fresh_link(settings), flush=True)
    return COMPLETED


@errand.command()
@_with_json
@_with_server
def doctor(*, as_json: bool, url: str | None) -> int:
    """Say what is right and what is wrong here, and how to mend it; status 1 if something is wrong."""
    # The database's libraries take longer to load than all other commands take to run.
    from app.cli.doctor import report  # noqa: PLC0415

    return report(url=url, as_json=as_json)


errand.add_command(credentials)
errand.add_command(github)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return the exit status, as listed in docs/cli.md."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal that can't show a character shows a question mark, not a traceback.
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    try:
        status = errand.main(args=arguments, prog_name="errand", standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as error:
        error.show()
        return NOT_DONE
    except (click.Abort, KeyboardInterrupt):
        return CANCELLED
    except (_ReaderGone, BrokenPipeError):
        # Python flushes once more at its exit, and would complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED
    except ErrandError as error:
        print(f"errand: {error.message}", file=sys.stderr)
        return NOT_DONE
    return status if isinstance(status, int) else COMPLETED


def _client(url: str | None) -> Client:
    return Client(find_server(read_settings(), url=url))


def _follow(client: Client, task_id: str, *, as_json: bool) -> int:
    asks = sys.stdin.isatty() and sys.stderr.isatty()
    view = JsonView() if as_json else TextView()
    return follow(client, task_id, view, ask=(lambda: ask_at_terminal(_question)) if asks else None)


def _question(text: str) -> str:
    print(text, end="", file=sys.stderr, flush=True)
    line = sys.stdin.readline()
    if not line:
        raise EOFError
    return line


def _message(prompt: str) -> str:
    try:
        if prompt == "-":
            return sys.stdin.buffer.read().decode()
        return prompt.encode().decode()
    except UnicodeError:
        raise click.UsageError("The prompt is not UTF-8 text.") from None


def _print_raw(client: Client, task_id: str) -> None:
    if sys.stdout.isatty():
        # To a terminal only what can't do harm; through a pipe every byte.
        sanitiser = Sanitiser(colours=shows_colours(sys.stdout))
        for piece in client.output(task_id):
            sys.stdout.write(sanitiser.feed(piece.decode("utf-8", "replace")))
        sys.stdout.write(sanitiser.finish())
    else:
        for piece in client.output(task_id):
            sys.stdout.buffer.write(piece)
    sys.stdout.flush()


def _print_json(value: object) -> None:
    print(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode(), flush=True)


def _hint(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
