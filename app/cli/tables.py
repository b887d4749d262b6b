"""Lists: a table on a terminal, lines of fields with tabs between them in a pipe."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from app.cli.sanitise import one_line
from app.cli.wording import STATE_STYLES, age, dollars, duration

#: A field: its text, and how it is coloured.
Cell = tuple[str, str]

_WIDTH = 500


def tasks(found: Sequence[dict[str, Any]], now: datetime) -> list[list[Cell]]:
    """Return a row for each Task."""
    return [
        [
            (task["id"], ""),
            (task["state"] + (" !" if task["attention"] else ""), STATE_STYLES.get(task["state"], "")),
            (task["agent"], ""),
            (age(task["created_at"], now), "dim"),
            (duration(task["duration_s"]), ""),
            (dollars(task["cost_usd"]), ""),
            (task["message"], ""),
        ]
        for task in found
    ]


def agents(found: Sequence[dict[str, Any]]) -> list[list[Cell]]:
    """Return a row for each Agent."""
    return [
        [(agent["name"], "bold"), _stand(agent), (agent["cli"] or "", ""), (_told(agent), "")]
        for agent in found
    ]


def show(columns: Sequence[str], rows: Sequence[Sequence[Cell]]) -> None:
    """Print it; everything in it is made safe first."""
    console = Console(highlight=False)
    if not console.is_terminal:
        for fields in (columns, *([text for text, _ in row] for row in rows)):
            print("\t".join(one_line(field, _WIDTH) for field in fields))
        return
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in columns[:-1]:
        table.add_column(name, no_wrap=True)
    table.add_column(columns[-1], no_wrap=True, overflow="ellipsis", ratio=1)
    for row in rows:
        table.add_row(*(Text(one_line(text, _WIDTH), style=style) for text, style in row))
    console.print(table)


def _stand(agent: dict[str, Any]) -> Cell:
    if not agent["usable"]:
        return "invalid", "red"
    return ("ready", "green") if agent["ready"] else ("no worker has its CLI", "yellow")


def _told(agent: dict[str, Any]) -> str:
    return where(agent["problem"]) if agent["problem"] else str(agent["description"])


def where(problem: dict[str, Any]) -> str:
    """Return a problem with the file and the line."""
    line = "" if problem["line"] is None else f", line {problem['line']}"
    return f"{problem['file']}{line}: {problem['message']}"
