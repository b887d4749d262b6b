"""The checkout as its tests read it: files, syntax trees and documents."""

import ast
import re
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

_FOLDERS = ("app", "tasks", "agents", "bin", "bench", "docs", "migrations", "tests", ".ci")
_NOT_OURS = {"__pycache__", "node_modules", "vendor", ".pytest_cache"}
#: No suffix: programs of bin/, Procfile, LICENSE.
_TEXT = re.compile(r"|\.(css|html|in|js|json|jsonl|lock|mako|md|py|svg|toml|txt)")


def files() -> Iterator[Path]:
    """Yield every text file of the repository, from its root."""
    found = (path for name in _FOLDERS for path in (ROOT / name).rglob("*"))
    for place in (*ROOT.iterdir(), *found):
        path = place.relative_to(ROOT)
        hidden = path.name.startswith(".")
        if (
            _TEXT.fullmatch(path.suffix)
            and not hidden
            and not _NOT_OURS & set(path.parts)
            and place.is_file()
        ):
            yield path


@cache
def python(*folders: str) -> dict[str, ast.Module]:
    """Return the syntax tree of each Python file in `folders` by its path; "." is the root alone."""
    patterns = ["*.py" if folder == "." else f"{folder}/**/*.py" for folder in folders]
    found = {path for pattern in patterns for path in ROOT.glob(pattern)}
    return {
        path.relative_to(ROOT).as_posix(): ast.parse(path.read_text(), path.name)
        for path in sorted(found)
        if not _NOT_OURS & set(path.parts)
    }


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Yield every function in `tree`, methods and inner ones too."""
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def uses(tree: ast.Module, module: str, names: AbstractSet[str] = frozenset()) -> Iterator[int]:
    """Yield the lines that use or import one of `names` of `module`; without names, those that import it."""
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=ast.Name(id=owner), attr=name) if owner == module and name in names:
                yield node.lineno
            case ast.ImportFrom(module=owner, names=imported) if owner and f"{owner}.".startswith(
                f"{module}."
            ):
                if not names or names & {alias.name for alias in imported}:
                    yield node.lineno
            case ast.Import(names=imported) if not names and module in {alias.name for alias in imported}:
                yield node.lineno


def document(name: str) -> str:
    """Return the text of a document by its path from the root."""
    return (ROOT / name).read_text()


def section(name: str, heading: str) -> str:
    """Return what stands below one heading of a document, up to the next of any level."""
    found = re.search(rf"^#+ {re.escape(heading)}\n(.*?)(?=^#|\Z)", document(name), re.MULTILINE | re.DOTALL)
    assert found, f"{name} has no heading {heading!r}"
    return found[1]


def table(text: str) -> list[list[str]]:
    """Return the cells of every table row of `text`, heads and rules left out."""
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows]


def code(cell: str) -> str:
    """Return what stands between the first two backticks."""
    return cell.split("`")[1]
